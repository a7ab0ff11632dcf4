//! What a fuzz target is here: one function that takes any bytes. Under `cargo test` it takes the seeds and the same few
//! hundred changed copies of them each time; under `cargo bolero test` the engine feeds it and learns from coverage
//! (docs/verification.md says how). An input that broke a parser becomes a seed.

/// Runs a target: `fuzz!(seeds, |bytes| ...)`, the last thing in a test's function.
macro_rules! fuzz {
    ($seeds:expr, $test:expr) => {
        if cfg!(fuzzing) {
            bolero::check!().for_each($test);
        } else {
            $crate::target::short_form(&$seeds, $test);
        }
    };
}
pub(crate) use fuzz;

/// Changed copies of the seeds in the short form, if [`MORE`] does not say how many.
const COPIES: u32 = 300;
/// Variable of the environment.
const MORE: &str = "POSTO_FUZZ_COPIES";
/// No changed copy is longer.
const LENGTH_LIMIT_BYTES: usize = 256 << 10;
/// Bytes that stand at the edges of numbers and texts.
const EDGES: [u8; 12] = [
    0, 1, 0x7f, 0x80, 0xff, b'\n', b'\r', b'"', b'\\', b'/', b':', b'=',
];

/// Each seed, nothing, and so many changed copies, the same ones each time.
pub(crate) fn short_form(seeds: &[&[u8]], test: impl Fn(&[u8])) {
    let run = |bytes: &[u8]| {
        let shown = Shown(bytes);
        test(bytes);
        drop(shown);
    };
    run(b"");
    for seed in seeds {
        run(seed);
    }
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let copies = std::env::var(MORE).ok().and_then(|text| text.parse().ok());
    for _ in 0..copies.unwrap_or(COPIES) {
        let mut bytes = seeds[random.below(seeds.len())].to_vec();
        for _ in 0..=random.below(4) {
            change(&mut bytes, seeds, &mut random);
        }
        bytes.truncate(LENGTH_LIMIT_BYTES);
        run(&bytes);
    }
}

fn change(bytes: &mut Vec<u8>, seeds: &[&[u8]], random: &mut Random) {
    let (at, to) = random.range(bytes.len());
    match random.below(7) {
        0 if !bytes.is_empty() => {
            let at = at.min(bytes.len() - 1);
            bytes[at] ^= 1 << random.below(8);
        }
        1 => bytes.insert(at, EDGES[random.below(EDGES.len())]),
        2 => drop(bytes.drain(at..to)),
        3 => bytes.truncate(at),
        4 => {
            let again = bytes[at..to].to_vec();
            drop(bytes.splice(at..at, again));
        }
        5 => {
            let other = seeds[random.below(seeds.len())];
            let (from, until) = random.range(other.len());
            drop(bytes.splice(at..to, other[from..until].iter().copied()));
        }
        _ => {
            let noise: Vec<u8> = (0..random.below(24)).map(|_| random.next() as u8).collect();
            drop(bytes.splice(at..at, noise));
        }
    }
}

/// Says which bytes it was when a target panics.
struct Shown<'a>(&'a [u8]);

impl Drop for Shown<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the bytes: {:?}", self.0.escape_ascii().to_string());
        }
    }
}

/// SplitMix64 (Steele, Lea, Flood 2014): small and the same everywhere.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end.max(1) as u64) as usize
    }

    fn range(&mut self, length: usize) -> (usize, usize) {
        let (a, b) = (self.below(length + 1), self.below(length + 1));
        (a.min(b), a.max(b))
    }
}
