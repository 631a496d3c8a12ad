use super::*;
#[test]
fn dbg1() { let s: Value = serde_json::from_str(FRAUD).unwrap(); let w = WorldSpec::from_value(s).unwrap(); panic!("{w:#?}"); }
