# Code and the words around it; drafts that nobody waits for are judged for tone too.
package orchestration

default selection := {
	"selected_detectors": [],
	"selection_reason": "a review has code and text",
	"allow": false,
}

selection := {
	"selected_detectors": sort(selected),
	"selection_reason": $"review of {input.content_type}",
} if {
	input.content_type in ["code", "text"]
}

selected contains detector.name if {
	some detector in input.candidate_detectors
	detector.name in input.policy.required_detectors
}

selected contains detector.name if {
	some detector in input.candidate_detectors
	detector.name in input.policy.optional_detectors
	input.priority != "critical"
}
