# What no detector can judge does not come in.
package orchestration

default selection := {
	"selected_detectors": [],
	"selection_reason": "no detector can judge this content",
	"allow": false,
}

selection := {
	"selected_detectors": sort([detector.name | some detector in input.candidate_detectors]),
	"selection_reason": "everything that can look, looks",
} if {
	input.content_type in ["text", "document"]
}
