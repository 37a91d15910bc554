//! The bounds on what is compiled leave room: every reference policy fits into half of each.

use muster_sandbox::Shape;
use muster_testkit::guests;

#[test]
fn every_reference_policy_takes_at_most_half_of_what_is_compiled() {
    let all = Shape::STANDARD;
    let half = Shape {
        bytes: all.bytes / 2,
        modules: all.modules / 2,
        components: all.components / 2,
        depth: all.depth / 2,
        instances: all.instances / 2,
        types: all.types / 2,
        names: all.names / 2,
        functions: all.functions / 2,
        function_bytes: all.function_bytes / 2,
        code_bytes: all.code_bytes / 2,
        locals: all.locals / 2,
        locals_total: all.locals_total / 2,
        nesting: all.nesting / 2,
        branch_targets: all.branch_targets / 2,
        joins: all.joins / 2,
        joins_total: all.joins_total / 2,
        memories: 1,
        tables: all.tables / 2,
        globals: all.globals / 2,
        segments: all.segments / 2,
    };
    for policy in ["triage", "escalation", "discretion", "incentives", "oversight", "workflow"] {
        assert_eq!(half.check(&guests::policy(policy)), Ok(()), "{policy}");
    }
}
