//! Counts what a source brings, lists included, so that the month's ledger is what the link really carried.

use std::cell::Cell;
use std::io::Read;
use std::rc::Rc;

use posto_signing::source::{Source, SourceError, TargetPath};
use posto_signing::workflow::{Answer, Request};

use crate::update::budget::QUESTION_BYTES;

/// Bytes that are not in the ledger yet.
#[derive(Debug, Clone, Default)]
pub struct Meter(Rc<Cell<u64>>);

impl Meter {
    fn add(&self, bytes: u64) {
        self.0.set(self.0.get().saturating_add(bytes));
    }

    /// What was counted since the last time.
    #[must_use]
    pub fn take(&self) -> u64 {
        self.0.take()
    }
}

/// A source with a meter.
pub struct Metered<'a> {
    source: &'a mut dyn Source,
    meter: Meter,
    costs: bool,
}

impl<'a> Metered<'a> {
    /// Where it `costs` nothing, nothing is counted.
    #[must_use]
    pub fn new(source: &'a mut dyn Source, meter: &Meter, costs: bool) -> Self {
        let meter = meter.clone();
        Self {
            source,
            meter,
            costs,
        }
    }

    fn asked(&self) {
        if self.costs {
            self.meter.add(QUESTION_BYTES);
        }
    }

    fn counted(&self, reader: Box<dyn Read>) -> Box<dyn Read> {
        if !self.costs {
            return reader;
        }
        let meter = self.meter.clone();
        Box::new(Counted { reader, meter })
    }
}

struct Counted {
    reader: Box<dyn Read>,
    meter: Meter,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.reader.read(buffer)?;
        self.meter.add(count as u64);
        Ok(count)
    }
}

impl Source for Metered<'_> {
    fn metadata(&mut self, request: &Request) -> Result<Answer, SourceError> {
        self.asked();
        let answer = self.source.metadata(request)?;
        if let (Answer::File(file), true) = (&answer, self.costs) {
            self.meter.add(file.len() as u64);
        }
        Ok(answer)
    }

    fn target(&mut self, path: &TargetPath) -> Result<Box<dyn Read>, SourceError> {
        self.asked();
        let reader = self.source.target(path)?;
        Ok(self.counted(reader))
    }

    fn part(
        &mut self,
        path: &TargetPath,
        from: u64,
        bytes: u64,
    ) -> Result<Box<dyn Read>, SourceError> {
        self.asked();
        let reader = self.source.part(path, from, bytes)?;
        Ok(self.counted(reader))
    }
}
