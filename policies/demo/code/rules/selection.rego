# Which detectors look: secrets, dangerous constructs and hidden instructions always; personal data outside development,
# where fixtures with made-up people are the rule. Other content belongs to other bundles.
package orchestration

selection := {
	"selected_detectors": sort(selected),
	"selection_reason": $"code in {input.environment}",
} if {
	input.content_type == "code"
}

selection := {
	"selected_detectors": [],
	"selection_reason": $"the bundle judges code, not {input.content_type}",
	"allow": false,
} if {
	input.content_type != "code"
}

selected contains detector.name if {
	some detector in input.candidate_detectors
	detector.name in input.policy.required_detectors
	not detector.name in input.excluded_detectors
}

selected contains detector.name if {
	some detector in input.candidate_detectors
	detector.name in input.policy.optional_detectors
	not detector.name in input.excluded_detectors
	input.environment != "dev"
}
