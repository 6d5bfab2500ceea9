package orchestration_test

import data.orchestration

policy := {
	"coverage_calculation": {"weighted_requirements": {
		"pii": 0.3,
		"secrets": 0.3,
		"prompt-injection": 0.25,
		"toxicity": 0.15,
	}},
	"policy_data": {
		"must_judge": ["pii", "secrets"],
		"code_weights": {"secrets": 0.5, "dangerous-code": 0.3, "prompt-injection": 0.2},
		"prod_min_success_fraction": 0.8,
		"sure": 0.8,
		"precedence": ["secrets", "pii", "prompt-injection", "dangerous-code", "toxicity"],
	},
}

request := {
	"content_type": "text",
	"environment": "dev",
	"candidate_detectors": [{"name": name} |
		some name in ["toxicity", "secrets", "pii", "prompt-injection", "language", "dangerous-code"]
	],
	"excluded_detectors": [],
	"policy": policy,
}

selection(overrides) := decision if {
	decision := orchestration.selection with input as object.union(request, overrides)
}

test_text_is_judged_by_the_static_weights if {
	decision := selection({})
	decision.selected_detectors == ["pii", "prompt-injection", "secrets", "toxicity"]
	decision.coverage_requirements == {"weights": policy.coverage_calculation.weighted_requirements}
}

test_code_has_weights_of_its_own if {
	decision := selection({"content_type": "code"})
	decision.selected_detectors == ["dangerous-code", "prompt-injection", "secrets"]
	decision.coverage_requirements.weights == policy.policy_data.code_weights
}

test_all_weights_sum_to_one if {
	every type in ["text", "document", "code"] {
		weights := selection({"content_type": type}).coverage_requirements.weights
		abs(sum([weight | some weight in weights]) - 1) < 0.000001
	}
}

test_production_raises_the_threshold if {
	selection({"environment": "prod"}).coverage_requirements.min_success_fraction == 0.8
}

test_images_are_refused if {
	selection({"content_type": "image"}).allow == false
}

test_excluded_detectors_are_left_out_but_keep_their_weight if {
	decision := selection({"excluded_detectors": ["toxicity"]})
	decision.selected_detectors == ["pii", "prompt-injection", "secrets"]
	decision.coverage_requirements.weights.toxicity == 0.15
}

coverage(achieved, failed) := decision if {
	decision := orchestration.coverage with input as {
		"coverage_achieved": achieved,
		"threshold": 0.7,
		"results": [{"detector": name, "status": status(name, failed)} |
			some name in ["pii", "secrets", "prompt-injection", "toxicity"]
		],
		"policy": policy,
	}
}

status(name, failed) := "failed" if name == failed

status(name, failed) := "success" if name != failed

test_a_light_detector_may_be_missing if {
	coverage(0.85, "toxicity") == {
		"coverage_met": true,
		"coverage_score": 0.85,
		"missing_requirements": ["toxicity"],
		"policy_violations": [],
	}
}

test_a_leak_detector_must_judge_at_the_threshold if {
	every name in ["pii", "secrets"] {
		decision := coverage(0.7, name)
		not decision.coverage_met
		decision.policy_violations == [concat("", [name, "_did_not_judge"])]
	}
}

test_below_the_threshold if {
	coverage(0.6, "toxicity").policy_violations == ["coverage_below_threshold"]
}

finding(detector, output, confidence) := {"detector": detector, "output": output, "confidence": confidence}

conflict(outputs) := decision if {
	decision := orchestration.conflict with input as {"detector_outputs": outputs, "policy": policy}
}

test_a_sure_finding_is_not_averaged_away if {
	conflict([finding("pii", "clean", 0.6), finding("secrets", "api_key", 0.8)]) == {
		"resolution_strategy": "most_restrictive",
		"winning_detector": "secrets",
		"tie_breaker": "preferred_detector",
		"resolution_reason": "a sure finding is not averaged away",
	}
}

test_unsure_findings_are_averaged if {
	conflict([finding("pii", "clean", 0.6), finding("toxicity", "insult", 0.79)]).resolution_strategy == "weighted_average"
}

test_a_finding_without_confidence_is_believed if {
	conflict([finding("pii", "clean", 0.6), finding("secrets", "token", null)]).winning_detector == "secrets"
}

test_a_sure_detector_outside_the_precedence_still_makes_it_restrictive if {
	decision := conflict([finding("pii", "clean", 0.6), finding("my-detector", "phishing", 0.9)])
	decision.resolution_strategy == "most_restrictive"
	not "winning_detector" in object.keys(decision)
}

test_the_bundle_may_name_more_benign_labels if {
	decision := orchestration.conflict with input as {
		"detector_outputs": [finding("language", "language_fr", 0.9), finding("pii", "clean", 0.6)],
		"policy": {"policy_data": {"benign_labels": ["Language_FR"]}},
	}
	decision.resolution_strategy == "weighted_average"
}
