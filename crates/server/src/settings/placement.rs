//! The cores that executors run on.

use std::fmt;

/// The cores that executors run on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Placement {
    /// Executor i stays on core i of the list, which has one for each executor.
    Pinned(Vec<usize>),
    /// Each executor runs on any core of the list, which is not empty.
    Shared(Vec<usize>),
}

impl Placement {
    /// The placement of `executors` on the `usable` cores, or on those that the operator named.
    ///
    /// Executors are pinned if the operator named a core for each. Without names other programs may
    /// run on any core, also other servers of the same kind. The kernel then moves an executor away
    /// from a core that is busy. It cannot do that for a pinned one.
    pub fn choose(executors: usize, usable: &[usize], named: Option<Vec<usize>>) -> Self {
        match named {
            Some(cores) if cores.len() == executors => Self::Pinned(cores),
            Some(cores) => Self::Shared(cores),
            None => Self::Shared(usable.to_vec()),
        }
    }

    /// The cores of one executor.
    pub(crate) fn cores_of(&self, executor: usize) -> &[usize] {
        match self {
            Self::Pinned(cores) => &cores[executor..=executor],
            Self::Shared(cores) => cores,
        }
    }

    /// Name in `stats slabcore`.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Pinned(_) => "pinned",
            Self::Shared(_) => "shared",
        }
    }
}

/// Writes the cores in the form of `--cores`, such as "0-3,6".
impl fmt::Display for Placement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Pinned(cores) | Self::Shared(cores)) = self;
        let ranges = cores.chunk_by(|core, next| core + 1 == *next).map(|range| match range {
            [core] => core.to_string(),
            range => format!("{}-{}", range[0], range[range.len() - 1]),
        });
        f.write_str(&ranges.collect::<Vec<_>>().join(","))
    }
}

#[cfg(test)]
mod tests {
    use super::Placement::{self, Pinned, Shared};

    #[test]
    fn choices() {
        let usable = [0, 1, 2, 3];
        let check = |executors: usize, named: Option<&[usize]>, expected: Placement| {
            let chosen = Placement::choose(executors, &usable, named.map(<[usize]>::to_vec));
            assert_eq!(chosen, expected, "{executors} executors, {named:?}");
        };
        // Two such servers sat on core 0 while the others were idle.
        check(1, None, Shared(vec![0, 1, 2, 3]));
        // As many as a quota pays for. All containers of a machine shared cores 0 and 1.
        check(2, None, Shared(vec![0, 1, 2, 3]));
        check(4, None, Shared(vec![0, 1, 2, 3]));
        check(8, None, Shared(vec![0, 1, 2, 3]));
        check(2, Some(&[3, 1]), Pinned(vec![3, 1]));
        check(1, Some(&[2]), Pinned(vec![2]));
        check(1, Some(&[2, 3]), Shared(vec![2, 3]));
        check(3, Some(&[2, 3]), Shared(vec![2, 3]));
    }

    #[test]
    fn cores_of_executors() {
        let check = |placement: Placement, expected: [&[usize]; 2], list: &str| {
            let cores = [0, 1].map(|executor| placement.cores_of(executor));
            assert_eq!(cores, expected, "{placement:?}");
            assert_eq!(placement.to_string(), list);
        };
        check(Pinned(vec![3, 1]), [&[3], &[1]], "3,1");
        check(Pinned(vec![3, 4]), [&[3], &[4]], "3-4");
        check(Shared(vec![7]), [&[7], &[7]], "7");
        check(Shared(vec![0, 1, 2, 5, 6]), [&[0, 1, 2, 5, 6]; 2], "0-2,5-6");
    }
}
