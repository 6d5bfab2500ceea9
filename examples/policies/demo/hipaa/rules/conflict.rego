# An identifier that is found is not outvoted, however unsure.
package orchestration

conflict := object.union(
	{
		"resolution_strategy": "most_restrictive",
		"tie_breaker": "preferred_detector",
		"resolution_reason": "identifiers before everything else",
	},
	preference,
)

default preference := {}

preference := {"winning_detector": ranked[0]}

ranked := [detector |
	some detector in input.policy.policy_data.precedence
	some finding in input.detector_outputs
	finding.detector == detector
	finding.output != "clean"
]
