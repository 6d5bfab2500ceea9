# Which detectors look: all that the policy names, for every type but images, which none of them sees. In production the
# full set must answer even if somebody lowers the threshold of the static fields.
package orchestration

selection := {
	"selected_detectors": sort(selected),
	"selection_reason": $"strict in {input.environment}",
	"coverage_requirements": {"min_success_fraction": min_success_fraction},
} if {
	input.content_type != "image"
}

selection := {
	"selected_detectors": [],
	"selection_reason": "no detector of this bundle looks at images",
	"allow": false,
} if {
	input.content_type == "image"
}

selected contains detector.name if {
	some detector in input.candidate_detectors
	detector.name in named
	not detector.name in input.excluded_detectors
}

named := {name | some name in input.policy.required_detectors} | {name | some name in input.policy.optional_detectors}

default min_success_fraction := 0

min_success_fraction := 1 if input.environment == "prod"
