package orchestration_test

import data.orchestration

policy := {
	"required_detectors": ["pii", "secrets", "toxicity", "prompt-injection", "dangerous-code"],
	"optional_detectors": ["language"],
	"policy_data": {
		"must_judge": ["pii", "prompt-injection"],
		"precedence": ["secrets", "pii", "prompt-injection", "dangerous-code", "toxicity", "language"],
	},
}

request := {
	"content_type": "text",
	"environment": "dev",
	"candidate_detectors": [{"name": name} |
		some name in ["demo-echo", "toxicity", "secrets", "pii", "prompt-injection", "language", "dangerous-code"]
	],
	"excluded_detectors": [],
	"policy": policy,
}

selection(overrides) := decision if {
	decision := orchestration.selection with input as object.union(request, overrides)
}

test_all_named_detectors_look_and_no_other if {
	selection({}).selected_detectors == [
		"dangerous-code",
		"language",
		"pii",
		"prompt-injection",
		"secrets",
		"toxicity",
	]
}

test_every_type_that_can_be_read_gets_the_full_set if {
	every type in ["text", "document", "code"] {
		count(selection({"content_type": type}).selected_detectors) == 6
	}
}

test_images_are_refused if {
	selection({"content_type": "image"}).allow == false
}

test_excluded_detectors_are_left_out if {
	not "toxicity" in selection({"excluded_detectors": ["toxicity"]}).selected_detectors
}

test_production_raises_the_threshold if {
	selection({"environment": "prod"}).coverage_requirements.min_success_fraction == 1
	selection({"environment": "stage"}).coverage_requirements.min_success_fraction == 0
}

coverage(achieved, threshold, statuses) := decision if {
	decision := orchestration.coverage with input as {
		"coverage_achieved": achieved,
		"threshold": threshold,
		"results": [{"detector": name, "status": status} | some name, status in statuses],
		"policy": policy,
	}
}

all_judged := {name: "success" | some name in policy.required_detectors}

test_all_judged if {
	coverage(1, 1, all_judged).coverage_met
}

test_one_missing_detector_is_too_many if {
	decision := coverage(0.8, 1, object.union(all_judged, {"toxicity": "failed"}))
	not decision.coverage_met
	decision.missing_requirements == ["toxicity"]
	decision.policy_violations == ["coverage_below_threshold"]
}

test_pii_and_prompt_injection_must_judge_even_above_the_threshold if {
	every name in ["pii", "prompt-injection"] {
		decision := coverage(0.8, 0.5, object.union(all_judged, {name: "unavailable"}))
		not decision.coverage_met
		decision.missing_requirements == [name]
		decision.policy_violations == [concat("", [name, "_did_not_judge"])]
	}
}

test_a_detector_that_was_never_planned_is_missing_too if {
	decision := coverage(1, 1, object.remove(all_judged, ["pii"]))
	not decision.coverage_met
	decision.missing_requirements == ["pii"]
}

test_another_detector_may_be_missing_when_the_threshold_admits_it if {
	coverage(0.8, 0.5, object.union(all_judged, {"toxicity": "failed"})).coverage_met
}

finding(detector, output, confidence) := {"detector": detector, "output": output, "confidence": confidence}

conflict(outputs) := decision if {
	decision := orchestration.conflict with input as {"detector_outputs": outputs, "policy": policy}
}

test_the_weakest_finding_goes_before_clean if {
	decision := conflict([finding("pii", "clean", 0.6), finding("toxicity", "insult", 0.05)])
	decision.resolution_strategy == "most_restrictive"
	decision.winning_detector == "toxicity"
}

test_precedence_orders_the_preferred_detector if {
	conflict([finding("pii", "ssn", 0.99), finding("secrets", "token", 0.5)]).winning_detector == "secrets"
}

test_benign_labels_are_never_preferred if {
	decision := conflict([finding("pii", "No_PII", 0.9), finding("secrets", "clean", 0.6)])
	not "winning_detector" in object.keys(decision)
}

test_the_bundle_may_name_more_benign_labels if {
	decision := orchestration.conflict with input as {
		"detector_outputs": [finding("language", "language_fr", 0.9), finding("pii", "clean", 0.6)],
		"policy": {"policy_data": {"benign_labels": ["language_fr"], "precedence": ["language"]}},
	}
	not "winning_detector" in object.keys(decision)
}
