# A secret stands. Everything else is a vote.
package orchestration

default conflict := {
	"resolution_strategy": "majority_vote",
	"tie_breaker": "alphabetical",
	"resolution_reason": "advice among colleagues",
}

conflict := {
	"resolution_strategy": "tenant_preference",
	"winning_detector": "secrets",
	"resolution_reason": "a secret leaves the house",
} if {
	some finding in input.detector_outputs
	finding.detector == "secrets"
	finding.output != "clean"
}

# Two verdicts, one of them on what is no finding here: the clean one stands.
conflict := {
	"resolution_strategy": "tenant_preference",
	"winning_detector": "secrets",
	"resolution_reason": "nothing that matters here",
} if {
	some finding in input.detector_outputs
	finding.detector == "secrets"
	finding.output == "clean"
	every other in input.detector_outputs {
		tolerable(other.output)
	}
}

tolerable("clean")

tolerable(label) if label in input.policy.policy_data.benign_labels
