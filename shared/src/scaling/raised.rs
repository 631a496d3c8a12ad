//! Minima that Steward has raised for a time: a wake until its work has drained, a repair until the endpoint is well.

use super::Scaling;

/// A minimum that is given back one day. Whoever keeps the scaling for later keeps what is given back: in another Region
/// nobody would.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Raised {
    /// What Steward set, or may have set.
    pub to: Vec<u32>,
    /// What it gives back.
    pub from: u32,
}

impl Scaling {
    /// The same with its minimum given back, by each of them that set what is there; one may have found what another set. A
    /// minimum that none of them set is somebody else's, and stays.
    #[must_use]
    pub fn given_back(&self, raised: &[Raised]) -> Self {
        let mut left: Vec<&Raised> = raised.iter().collect();
        let mut min = self.min;
        while let Some(found) = left.iter().position(|raised| raised.to.contains(&min)) {
            min = left.swap_remove(found).from;
        }
        Self { min, ..self.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scaling::Suspended;

    fn given_back(min: u32, raised: &[(&[u32], u32)]) -> u32 {
        let scaling = Scaling {
            min,
            max: 9,
            suspended: Suspended::default(),
            policies: vec![],
            actions: vec![],
        };
        let raised = raised.iter().map(|(to, from)| Raised {
            to: to.to_vec(),
            from: *from,
        });
        scaling.given_back(&raised.collect::<Vec<_>>()).min
    }

    #[test]
    fn a_minimum_is_given_back_by_whoever_set_it_and_left_where_nobody_of_steward_did() {
        assert_eq!(given_back(2, &[(&[1, 2], 0)]), 0);
        assert_eq!(given_back(3, &[(&[1, 2], 0)]), 3);
        assert_eq!(given_back(0, &[(&[1, 2], 0)]), 0);
        // A repair found what a wake had raised, and the other way round.
        assert_eq!(given_back(2, &[(&[1], 0), (&[2], 1)]), 0);
        assert_eq!(given_back(3, &[(&[3], 2), (&[2], 1), (&[2], 1)]), 1);
    }
}
