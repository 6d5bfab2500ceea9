# A finding that counts is not outvoted by detectors that looked for other things.
package orchestration

default conflict := {
	"resolution_strategy": "majority_vote",
	"resolution_reason": "nothing that stops a merge",
}

conflict := {
	"resolution_strategy": "most_restrictive",
	"winning_detector": stoppers[0],
	"tie_breaker": "preferred_detector",
	"resolution_reason": $"stopped by {stoppers[0]}",
}

stoppers := [detector |
	some detector in input.policy.policy_data.precedence
	some finding in input.detector_outputs
	finding.detector == detector
	finding.output != "clean"
	not minor(finding)
]

minor(finding) if {
	finding.detector == "dangerous-code"
	finding.confidence < input.policy.policy_data.dangerous_floor
}
