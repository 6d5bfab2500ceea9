# Which detectors look. Risk detectors always do; optional ones come along when they are up and nobody is in a hurry.
package orchestration

selection := {
	"selected_detectors": sort(selected),
	"selection_reason": $"{input.content_type} at {input.priority} priority",
} if {
	input.content_type != "image"
}

# No detector here sees images: better an honest refusal than an empty verdict.
selection := {
	"selected_detectors": [],
	"selection_reason": "no detector looks at images",
	"allow": false,
} if {
	input.content_type == "image"
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
