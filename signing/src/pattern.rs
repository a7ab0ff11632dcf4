//! Which target paths a delegation covers: shell patterns (specification 4.5), `*` and `?` not over `/`.

/// Whether `path` matches `pattern`: part by part between slashes, `*`, `?`, `[a-z]`, `[!a-z]`.
#[must_use]
pub fn matches(pattern: &str, path: &str) -> bool {
    let (patterns, parts) = (pattern.split('/'), path.split('/'));
    patterns.clone().count() == parts.clone().count()
        && patterns.zip(parts).all(|(pattern, part)| {
            let pattern: Vec<char> = pattern.chars().collect();
            let part: Vec<char> = part.chars().collect();
            part_matches(&pattern, &part)
        })
}

/// Goes back to the last `*` only: time grows with the product of the lengths, not exponentially.
fn part_matches(pattern: &[char], part: &[char]) -> bool {
    let (mut at, mut seen) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while let Some(letter) = part.get(seen) {
        let next = match pattern.get(at) {
            Some('*') => {
                star = Some((at + 1, seen));
                at += 1;
                continue;
            }
            Some('?') => Some(at + 1),
            Some('[') => match class(pattern.get(at + 1..).unwrap_or_default(), *letter) {
                Some((true, length)) => Some(at + 1 + length),
                Some((false, _)) => None,
                // Without an end it is a bracket and nothing else.
                None => (*letter == '[').then_some(at + 1),
            },
            Some(same) if same == letter => Some(at + 1),
            _ => None,
        };
        if let Some(next) = next {
            at = next;
            seen += 1;
        } else if let Some((after, taken)) = star {
            star = Some((after, taken + 1));
            at = after;
            seen = taken + 1;
        } else {
            return false;
        }
    }
    pattern
        .get(at..)
        .unwrap_or_default()
        .iter()
        .all(|letter| *letter == '*')
}

/// Whether `letter` is in the class that begins after `[`, and how long the class is with its `]`. `None`: no end.
fn class(rest: &[char], letter: char) -> Option<(bool, usize)> {
    let negated = rest.first() == Some(&'!');
    let begin = usize::from(negated);
    // A `]` directly after the beginning is a member.
    let end = rest
        .iter()
        .enumerate()
        .skip(begin + 1)
        .find(|(_, letter)| **letter == ']')
        .map(|(at, _)| at)?;
    let members = rest.get(begin..end)?;
    let mut found = false;
    let mut at = 0;
    while let Some(first) = members.get(at) {
        match (members.get(at + 1), members.get(at + 2)) {
            (Some('-'), Some(last)) => {
                found |= (*first..=*last).contains(&letter);
                at += 3;
            }
            _ => {
                found |= *first == letter;
                at += 1;
            }
        }
    }
    Some((found != negated, end + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_as_a_shell_would_part_by_part() {
        for (pattern, path, expected) in [
            ("*", "a", true),
            ("*", "a/b", false),
            ("*/*", "a/b", true),
            ("targets/*.tgz", "targets/foo.tgz", true),
            ("targets/*.tgz", "targets/foo.txt", false),
            ("foo-version-?.tgz", "foo-version-2.tgz", true),
            ("foo-version-?.tgz", "foo-version-22.tgz", false),
            ("a*b*c", "aXXbYYbc", true),
            ("a*b*c", "aXXbYYb", false),
            ("[a-c]x", "bx", true),
            ("[!a-c]x", "bx", false),
            ("[]]x", "]x", true),
            ("[x", "[x", true),
            ("", "", true),
            ("*.py", "missingpath", false),
            ("a/", "a", false),
        ] {
            assert_eq!(matches(pattern, path), expected, "{pattern} {path}");
        }
    }

    #[test]
    fn a_pattern_made_to_be_slow_is_not() {
        let pattern = "*a".repeat(500) + "b";
        assert!(!matches(&pattern, &"a".repeat(5_000)));
    }
}
