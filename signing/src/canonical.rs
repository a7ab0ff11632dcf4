//! Canonical JSON (OLPC's, TUF specification 4.1): the bytes that are signed.

use serde_json::Value;

/// Why a value has no canonical form.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum CanonicalError {
    /// Canonical JSON knows whole numbers only.
    #[error("{0} is not a whole number that canonical JSON can hold")]
    Number(String),
    /// Nested deeper than the bound.
    #[error("nested deeper than {0} levels")]
    Depth(usize),
}

/// The canonical bytes: keys in the order of their code points, no spaces, in strings only `"` and `\` escaped.
///
/// # Errors
/// For fractions, and for what is nested deeper than `depth`.
pub fn canonical(value: &Value, depth: usize) -> Result<Vec<u8>, CanonicalError> {
    let mut out = Vec::new();
    write(value, depth, depth, &mut out)?;
    Ok(out)
}

fn write(
    value: &Value,
    left: usize,
    bound: usize,
    out: &mut Vec<u8>,
) -> Result<(), CanonicalError> {
    let left = left.checked_sub(1).ok_or(CanonicalError::Depth(bound))?;
    match value {
        Value::Null => out.extend_from_slice(b"null"),
        Value::Bool(true) => out.extend_from_slice(b"true"),
        Value::Bool(false) => out.extend_from_slice(b"false"),
        Value::Number(number) if number.is_u64() || number.is_i64() => {
            out.extend_from_slice(number.to_string().as_bytes());
        }
        Value::Number(number) => return Err(CanonicalError::Number(number.to_string())),
        Value::String(text) => string(text, out),
        Value::Array(items) => {
            out.push(b'[');
            for (at, item) in items.iter().enumerate() {
                if at > 0 {
                    out.push(b',');
                }
                write(item, left, bound, out)?;
            }
            out.push(b']');
        }
        Value::Object(fields) => {
            // UTF-8's byte order is the order of code points. Sorted here: the map keeps the file's order where some
            // crate of the build asks serde_json for that.
            let mut names: Vec<&String> = fields.keys().collect();
            names.sort_unstable();
            out.push(b'{');
            for (at, name) in names.into_iter().enumerate() {
                if at > 0 {
                    out.push(b',');
                }
                string(name, out);
                out.push(b':');
                write(fields.get(name).unwrap_or(&Value::Null), left, bound, out)?;
            }
            out.push(b'}');
        }
    }
    Ok(())
}

fn string(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    for byte in text.bytes() {
        if matches!(byte, b'"' | b'\\') {
            out.push(b'\\');
        }
        out.push(byte);
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn keys_are_sorted_and_only_quote_and_backslash_escaped() {
        let value = json!({"b": [1, -2, true, null], "a": "q\" b\\ nl\n é", "B": {}});
        assert_eq!(
            canonical(&value, 8).unwrap(),
            "{\"B\":{},\"a\":\"q\\\" b\\\\ nl\n é\",\"b\":[1,-2,true,null]}".as_bytes()
        );
    }

    #[test]
    fn fractions_and_depth_are_refused() {
        assert!(matches!(
            canonical(&json!([1.5]), 8),
            Err(CanonicalError::Number(_))
        ));
        assert_eq!(canonical(&json!([[[1]]]), 3), Err(CanonicalError::Depth(3)));
        assert!(canonical(&json!([[[1]]]), 4).is_ok());
    }
}
