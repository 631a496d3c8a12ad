use super::*;

#[test]
fn a_bare_entry_gets_every_default() {
    let fleet = Fleet::parse("version: 1\nendpoints:\n  fraud:\n", "fleet.yaml").expect("right");
    assert_eq!(fleet.named(), ["fraud"]);
    assert!(fleet.health_for("other", None).is_none());
    insta::assert_debug_snapshot!(fleet.health_for("fraud", None).expect("selected"));
}
