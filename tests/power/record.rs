//! The shim's record: what a program did to its data directory, in order.

/// One step of a program.
#[derive(Debug, Clone)]
pub enum Step {
    /// A process began; files are numbered from the beginning again.
    Started,
    Opened {
        file: u32,
        flags: i32,
        path: String,
    },
    /// `length`: of the file before the step, as in the steps below.
    Written {
        file: u32,
        length: u64,
        offset: u64,
        bytes: Vec<u8>,
    },
    Resized {
        file: u32,
        length: u64,
        to: u64,
    },
    Renamed {
        from: String,
        to: String,
    },
    Unlinked(String),
    Made(String),
    Removed(String),
    Syncing {
        file: u32,
        length: u64,
        sync: u64,
    },
    Synced {
        sync: u64,
        succeeded: bool,
    },
}

/// The steps of one or more processes, one after the other.
pub struct Record {
    steps: Vec<Step>,
    /// The position behind each step: the length of the record's file when it was complete.
    ends: Vec<u64>,
}

const HEAD: usize = 40;

impl Record {
    /// Reads a record of the shim.
    pub fn read(bytes: &[u8]) -> Self {
        let (mut steps, mut ends) = (Vec::new(), Vec::new());
        let mut at = 0;
        while at < bytes.len() {
            let head = &bytes[at..at + HEAD];
            let word = |from: usize| u64::from_le_bytes(head[from..from + 8].try_into().unwrap());
            let end = at + HEAD + usize::try_from(word(32)).unwrap();
            steps.push(step(head, &bytes[at + HEAD..end]));
            at = end;
            ends.push(at as u64);
        }
        Self { steps, ends }
    }

    pub fn len(&self) -> usize {
        self.steps.len()
    }

    /// The first `count` steps.
    pub fn upto(&self, count: usize) -> &[Step] {
        &self.steps[..count]
    }

    /// The position behind the first `count` steps.
    pub fn position(&self, count: usize) -> u64 {
        count.checked_sub(1).map_or(0, |last| self.ends[last])
    }

    /// The number of steps up to `position`.
    pub fn count_at(&self, position: u64) -> usize {
        self.ends.partition_point(|end| *end <= position)
    }

    /// The numbers of steps after which the machine may stop with most effect: around syncs and changes of names.
    pub fn edges(&self) -> Vec<usize> {
        let is_edge = |step: &Step| !matches!(step, Step::Written { .. } | Step::Started | Step::Opened { .. });
        let edges = self.steps.iter().enumerate().filter(|(_, step)| is_edge(step));
        edges.flat_map(|(at, _)| [at, at + 1]).collect()
    }

    /// The same program, whose syncs of the files that `is_ignored` names had no effect.
    pub fn without_syncs(mut self, is_ignored: impl Fn(&str) -> bool) -> Self {
        let mut paths = std::collections::HashMap::new();
        let mut ignored = std::collections::HashSet::new();
        for step in &mut self.steps {
            match step {
                Step::Started => paths.clear(),
                Step::Opened { file, path, .. } => {
                    paths.insert(*file, path.clone());
                }
                Step::Syncing { file, sync, .. } if is_ignored(&paths[file]) => {
                    ignored.insert(*sync);
                }
                Step::Synced { sync, succeeded } if ignored.remove(sync) => *succeeded = false,
                _ => {}
            }
        }
        self
    }
}

fn step(head: &[u8], text: &[u8]) -> Step {
    let word = |from: usize| u64::from_le_bytes(head[from..from + 8].try_into().unwrap());
    let short = |from: usize| u32::from_le_bytes(head[from..from + 4].try_into().unwrap());
    let (kind, file, a, b, length) = (short(0), short(4), word(8), word(16), word(24));
    let path = || String::from_utf8(text.to_vec()).unwrap();
    match kind {
        1 => Step::Started,
        2 => Step::Opened { file, flags: i32::try_from(a).unwrap(), path: path() },
        3 => Step::Written { file, length, offset: a, bytes: text.to_vec() },
        4 => Step::Resized { file, length, to: a },
        5 => {
            let both = path();
            let (from, to) = both.split_once('\0').unwrap();
            Step::Renamed { from: from.to_owned(), to: to.to_owned() }
        }
        6 => Step::Unlinked(path()),
        7 => Step::Made(path()),
        8 => Step::Removed(path()),
        9 => Step::Syncing { file, length, sync: a },
        10 => Step::Synced { sync: a, succeeded: b == 0 },
        _ => panic!("the program did what the shim cannot record: {}", path()),
    }
}
