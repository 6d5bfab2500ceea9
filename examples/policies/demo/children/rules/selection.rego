# All of them, always: children send text, nothing else.
package orchestration

default selection := {
	"selected_detectors": [],
	"selection_reason": "children send text",
	"allow": false,
}

selection := {
	"selected_detectors": sort([detector.name | some detector in input.candidate_detectors]),
	"selection_reason": "all that can look",
	"coverage_requirements": {"min_success_fraction": 1},
} if {
	input.content_type in ["text", "document"]
	count(input.excluded_detectors) == 0
}

# Who leaves a detector out is not to be let in by that.
selection := {
	"selected_detectors": [],
	"selection_reason": "no detector may be left out",
	"allow": false,
} if {
	count(input.excluded_detectors) > 0
}
