# Whose verdict stands: a sure finding goes before all others; among unsure ones the average of each verdict decides.
package orchestration

conflict := object.union(
	{
		"resolution_strategy": "most_restrictive",
		"tie_breaker": "preferred_detector",
		"resolution_reason": "a sure finding is not averaged away",
	},
	preference,
) if {
	count(sure) > 0
}

conflict := {
	"resolution_strategy": "weighted_average",
	"tie_breaker": "detector_priority",
	"resolution_reason": "no finding is sure",
} if {
	count(sure) == 0
}

# Detectors that are sure of a finding. One that gives no confidence is believed.
sure contains finding.detector if {
	some finding in input.detector_outputs
	not lower(finding.output) in benign
	not unsure(finding)
}

unsure(finding) if {
	finding.confidence != null
	finding.confidence < input.policy.policy_data.sure
}

benign := {"clean", "safe", "none", "no_pii", "ok", "benign"} | {lower(label) |
	some label in input.policy.policy_data.benign_labels
}

default preference := {}

preference := {"winning_detector": ranked[0]}

ranked := [detector |
	some detector in input.policy.policy_data.precedence
	detector in sure
]
