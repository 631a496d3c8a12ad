//! How many hours of the simulated AWS pass in a second, with the handlers at work in it.

use std::time::{Duration, Instant};

use rehearsal::{
    play::{Options, play},
    scenario::{Scenario, builtins},
    timeline::Silent,
};

use crate::{
    Outcome,
    table::{Table, time},
};

pub(crate) fn measure(table: &mut Table) -> Outcome<()> {
    let (mut played, mut took) = (Duration::ZERO, Duration::ZERO);
    for builtin in builtins() {
        let scenario = Scenario::parse(builtin.text, builtin.name).map_err(|problems| problems.to_string())?;
        let began = Instant::now();
        play(&scenario, &Options::default(), &mut Silent)?;
        took += began.elapsed();
        played += scenario.duration.duration();
    }
    let hours = played.as_secs_f64() / 3600.0;
    table.tell(
        "simulated hours per second",
        format!("{:.1}", hours / took.as_secs_f64()),
        format!("{hours:.1} h of {} scenarios in {}", builtins().len(), time(took)),
    );
    Ok(())
}
