# Whose verdict stands: any finding, however weak, goes before "clean".
package orchestration

conflict := object.union(
	{
		"resolution_strategy": "most_restrictive",
		"tie_breaker": "preferred_detector",
		"resolution_reason": "any finding goes before benign",
	},
	preference,
)

default preference := {}

preference := {"winning_detector": ranked[0]}

ranked := [detector |
	some detector in input.policy.policy_data.precedence
	some finding in input.detector_outputs
	finding.detector == detector
	not lower(finding.output) in benign
]

benign := {"clean", "safe", "none", "no_pii", "ok", "benign"} | {lower(label) |
	some label in input.policy.policy_data.benign_labels
}
