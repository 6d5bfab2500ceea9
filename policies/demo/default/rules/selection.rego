# Which detectors look. Risk detectors always do; optional ones come along when they are up and nobody is in a hurry.
package orchestration

selection := {
	"selected_detectors": sort(selected),
	"selection_reason": $"{input.content_type} at {input.priority} priority",
}

selected contains detector.name if {
	some detector in input.candidate_detectors
	not detector.name in input.excluded_detectors
	not detector.name in input.policy.optional_detectors
}

selected contains detector.name if {
	some detector in input.candidate_detectors
	not detector.name in input.excluded_detectors
	detector.name in input.policy.optional_detectors
	detector.healthy
	input.priority != "critical"
}
