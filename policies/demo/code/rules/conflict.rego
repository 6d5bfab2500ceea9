# Whose verdict stands when detectors disagree: risk goes before "clean". A detector that found something is not outvoted
# by those that looked for other things.
package orchestration

conflict := object.union(
	{
		"resolution_strategy": "most_restrictive",
		"tie_breaker": "preferred_detector",
		"resolution_reason": "risk before benign",
	},
	preference,
) if {
	count(signals) > 0
}

conflict := {
	"resolution_strategy": "highest_confidence",
	"tie_breaker": "highest_confidence",
	"resolution_reason": "no finding is strong enough to outvote clean detectors",
} if {
	count(signals) == 0
}

# Detectors whose finding counts. One that gives no confidence is believed.
signals contains finding.detector if {
	some finding in input.detector_outputs
	not lower(finding.output) in benign
	not weak(finding)
}

weak(finding) if {
	finding.confidence != null
	finding.confidence < input.policy.policy_data.signal_floor
}

benign := {"clean", "safe", "none", "no_pii", "ok", "benign"} | {lower(label) |
	some label in input.policy.policy_data.benign_labels
}

default preference := {}

preference := {"winning_detector": ranked[0]}

ranked := [detector |
	some detector in input.policy.policy_data.precedence
	detector in signals
]
