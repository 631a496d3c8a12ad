//! Every order of events that a rollout can meet, within bounds: the real decisions in a small world of their own.

mod rollout_model {
    mod broken;
    mod calls;
    mod caught;
    mod fair;
    mod found;
    mod ghost;
    mod judge;
    mod model;
    mod moves;
    mod properties;
    mod rules;
    mod runs;
    mod setup;
    mod state;
    mod truth;
    mod turn;
    mod view;
    mod world;
}
