//! Names for what is made again: the same where possible, else a deterministic one that SageMaker takes.

/// The most characters of a model's, config's, endpoint's or component's name.
pub const LONGEST: usize = 63;

/// `name-suffix`; where that would be too long, the name's beginning, 6 hexadecimal digits of a digest of all of it, and
/// the suffix. The same arguments give the same name, and names that differ only where they are cut stay different.
pub fn suffixed(name: &str, suffix: &str) -> String {
    let whole = format!("{name}-{suffix}");
    if whole.len() <= LONGEST {
        return whole;
    }
    let digest = &digest(name)[..6];
    let kept = LONGEST.saturating_sub(suffix.len() + digest.len() + 2);
    let cut: String = name.chars().take(kept).collect();
    format!("{}-{digest}-{suffix}", cut.trim_end_matches('-'))
}

pub use shared::backup::digest;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::trigger::is_endpoint_name;

    #[test]
    fn names_are_lengthened_like_this() {
        assert_eq!(suffixed("fraud", "drill-7"), "fraud-drill-7");
        let long = "a".repeat(63);
        assert_eq!(
            suffixed(&long, "drill-7"),
            "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa-7d3e74-drill-7"
        );
    }

    proptest! {
        #[test]
        fn a_name_of_sagemakers_with_a_suffix_is_one_again(
            name in "[a-zA-Z0-9](-{0,3}[a-zA-Z0-9]){0,20}",
            suffix in "[a-z0-9]{1,20}",
        ) {
            prop_assume!(name.len() <= LONGEST);
            let made = suffixed(&name, &suffix);
            prop_assert!(is_endpoint_name(&made), "{}", made);
            prop_assert!(made.ends_with(&suffix));
        }

        #[test]
        fn long_names_that_differ_at_their_end_stay_different(stem in "[a-z]{62}", suffix in "[a-z0-9]{1,20}") {
            prop_assert_ne!(suffixed(&format!("{stem}1"), &suffix), suffixed(&format!("{stem}2"), &suffix));
        }
    }
}
