//! The functions that can be deployed in a rehearsal: one line each.

use std::{collections::BTreeMap, rc::Rc};

use serde_json::Value;
use steward::aws::{Base, Invocation};

macro_rules! handlers {
    ($($name:literal => $variant:ident($function:ident)),+ $(,)?) => {
        /// The code of one sandbox, started.
        #[derive(Clone)]
        pub(super) enum Code {
            $(
                #[doc = $name]
                $variant(Rc<$function::Context>),
            )+
        }

        /// The names of all functions.
        pub fn handlers() -> &'static [&'static str] {
            &[$($name),+]
        }

        impl Code {
            /// What Lambda does once per sandbox. `Err` is what the function says when it cannot start.
            pub(super) fn start(handler: &str, env: &BTreeMap<String, String>, base: Base) -> Result<Self, String> {
                match handler {
                    $($name => $function::Context::new(env, base)
                        .map(|context| Self::$variant(Rc::new(context)))
                        .map_err(|errors| errors.to_string()),)+
                    other => Err(format!("there is no function {other:?}; there are {}", handlers().join(", "))),
                }
            }

            /// What Lambda does once per invocation.
            pub(super) async fn handle(&self, call: &Invocation, event: Value) -> Result<Value, String> {
                match self {
                    $(Self::$variant(context) => {
                        $function::handle(context, call, event).await.map_err(|error| error.to_string())
                    })+
                }
            }
        }
    };
}

handlers! {
    "health-checker" => HealthChecker(health_checker),
    "traffic-shifter" => TrafficShifter(traffic_shifter),
    "cross-region-backup" => CrossRegionBackup(cross_region_backup),
    "scale-from-zero" => ScaleFromZero(scale_from_zero),
    "fleet-reconciler" => FleetReconciler(fleet_reconciler),
}
