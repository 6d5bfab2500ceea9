package orchestration_test

import data.orchestration

policy := {
	"required_detectors": ["secrets", "dangerous-code", "prompt-injection"],
	"optional_detectors": ["pii"],
	"policy_data": {
		"must_judge": ["secrets", "prompt-injection"],
		"signal_floor": 0.3,
		"precedence": ["secrets", "dangerous-code", "prompt-injection", "pii"],
	},
}

request := {
	"content_type": "code",
	"environment": "prod",
	"candidate_detectors": [{"name": name} | some name in ["secrets", "pii", "prompt-injection", "dangerous-code"]],
	"excluded_detectors": [],
	"policy": policy,
}

selection(overrides) := decision if {
	decision := orchestration.selection with input as object.union(request, overrides)
}

test_production_code_is_judged_for_personal_data_too if {
	selection({}).selected_detectors == ["dangerous-code", "pii", "prompt-injection", "secrets"]
}

test_development_code_is_not if {
	selection({"environment": "dev"}).selected_detectors == ["dangerous-code", "prompt-injection", "secrets"]
}

test_excluded_detectors_are_left_out if {
	selection({"excluded_detectors": ["pii", "secrets"]}).selected_detectors == ["dangerous-code", "prompt-injection"]
}

test_other_content_is_refused if {
	every type in ["text", "document", "image"] {
		decision := selection({"content_type": type})
		decision.allow == false
		decision.selection_reason == concat("", ["the bundle judges code, not ", type])
	}
}

coverage(achieved, failed) := decision if {
	decision := orchestration.coverage with input as {
		"coverage_achieved": achieved,
		"threshold": 0.8,
		"results": [{"detector": name, "status": status(name, failed)} | some name in policy.required_detectors],
		"policy": policy,
	}
}

status(name, failed) := "timeout" if name == failed

status(name, failed) := "success" if name != failed

test_all_judged if {
	coverage(1, "nobody").coverage_met
}

# Five of six categories are seen without it, which the threshold alone would let pass.
test_prompt_injection_must_judge_even_above_the_threshold if {
	decision := coverage(0.833333, "prompt-injection")
	not decision.coverage_met
	decision.missing_requirements == ["prompt-injection"]
	decision.policy_violations == ["prompt-injection_did_not_judge"]
}

test_below_the_threshold if {
	coverage(0.666667, "dangerous-code").policy_violations == ["coverage_below_threshold"]
}

finding(detector, output, confidence) := {"detector": detector, "output": output, "confidence": confidence}

conflict(outputs) := decision if {
	decision := orchestration.conflict with input as {"detector_outputs": outputs, "policy": policy}
}

test_one_key_outweighs_the_clean_majority if {
	decision := conflict([
		finding("dangerous-code", "clean", 0.6),
		finding("secrets", "api_key", 0.9),
		finding("prompt-injection", "clean", 0.6),
	])
	decision.resolution_strategy == "most_restrictive"
	decision.winning_detector == "secrets"
}

test_precedence_orders_the_preferred_detector if {
	decision := conflict([finding("prompt-injection", "override", 0.9), finding("dangerous-code", "shell", 0.5)])
	decision.winning_detector == "dangerous-code"
}

test_a_detector_outside_the_precedence_still_makes_it_restrictive if {
	decision := conflict([finding("secrets", "clean", 0.6), finding("my-detector", "license", 0.9)])
	decision.resolution_strategy == "most_restrictive"
	not "winning_detector" in object.keys(decision)
}

test_a_weak_finding_does_not_outvote_clean_detectors if {
	decision := conflict([finding("secrets", "password", 0.2), finding("dangerous-code", "clean", 0.6)])
	decision.resolution_strategy == "highest_confidence"
}

test_a_finding_without_confidence_is_believed if {
	decision := conflict([finding("secrets", "password", null), finding("dangerous-code", "clean", 0.6)])
	decision.winning_detector == "secrets"
}

test_the_bundle_may_name_more_benign_labels if {
	decision := orchestration.conflict with input as {
		"detector_outputs": [finding("secrets", "Sample", 0.9), finding("pii", "clean", 0.6)],
		"policy": {"policy_data": {"benign_labels": ["sample"]}},
	}
	decision.resolution_strategy == "highest_confidence"
}
