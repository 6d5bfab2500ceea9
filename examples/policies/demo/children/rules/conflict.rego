# One finding is enough, however weak.
package orchestration

conflict := object.union(
	{
		"resolution_strategy": "tenant_preference",
		"tie_breaker": "preferred_detector",
		"resolution_reason": "one finding is enough",
	},
	preference,
)

default preference := {"resolution_strategy": "most_restrictive"}

preference := {"winning_detector": found[0]}

found := [detector |
	some detector in input.policy.policy_data.precedence
	some finding in input.detector_outputs
	finding.detector == detector
	finding.output != "clean"
]
