//! What a fleet file means, through the same door as the functions.

mod fleet {
    mod at_once;
    mod backup;
    mod capacity;
    mod errors;
    mod layers;
    mod meaning;
    mod rollout;
    mod wake;
}
