# The gravest prohibited practice is named first, however sure another detector is of something else.
package orchestration

default conflict := {
	"resolution_strategy": "most_restrictive",
	"resolution_reason": "no prohibited practice",
}

conflict := {
	"resolution_strategy": "tenant_preference",
	"winning_detector": gravest.detector,
	"resolution_reason": $"prohibited: {gravest.output}",
}

gravest := [finding |
	some label in input.policy.policy_data.prohibited
	some finding in input.detector_outputs
	finding.output == label
][0]
