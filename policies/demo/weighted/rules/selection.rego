# Which detectors look, and what each is worth: the weights of the static fields, for code those of
# policy_data.code_weights. In production more must have answered.
package orchestration

selection := object.union(
	{
		"selected_detectors": sort(selected),
		"selection_reason": $"weights for {input.content_type} in {input.environment}",
		"coverage_method": "weighted_coverage",
	},
	{"coverage_requirements": object.union({"weights": weights}, raised_threshold)},
) if {
	input.content_type != "image"
}

selection := {
	"selected_detectors": [],
	"selection_reason": "no detector of this bundle looks at images",
	"allow": false,
} if {
	input.content_type == "image"
}

weights := input.policy.policy_data.code_weights if input.content_type == "code"

weights := input.policy.coverage_calculation.weighted_requirements if input.content_type != "code"

selected contains detector.name if {
	some detector in input.candidate_detectors
	weights[detector.name] > 0
	not detector.name in input.excluded_detectors
}

default raised_threshold := {}

raised_threshold := {"min_success_fraction": input.policy.policy_data.prod_min_success_fraction} if {
	input.environment == "prod"
}
