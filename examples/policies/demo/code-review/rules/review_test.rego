package orchestration_test

import data.orchestration

policy := {
	"required_detectors": ["secrets", "dangerous-code"],
	"optional_detectors": ["toxicity"],
	"policy_data": {"dangerous_floor": 0.5, "precedence": ["secrets", "dangerous-code"]},
}

selection(fields) := decision if {
	decision := orchestration.selection with input as object.union(
		{
			"content_type": "text",
			"priority": "normal",
			"candidate_detectors": [{"name": name} | some name in ["secrets", "toxicity"]],
			"policy": policy,
		},
		fields,
	)
}

test_words_are_judged_for_tone if selection({}).selected_detectors == ["secrets", "toxicity"]

test_unless_somebody_waits if selection({"priority": "critical"}).selected_detectors == ["secrets"]

test_images_are_no_review if selection({"content_type": "image"}).allow == false

conflict(outputs) := decision if {
	decision := orchestration.conflict with input as {"detector_outputs": outputs, "policy": policy}
}

finding(detector, output, confidence) := {"detector": detector, "output": output, "confidence": confidence}

test_a_key_stops_the_merge if {
	conflict([finding("secrets", "api_key", 0.9), finding("dangerous-code", "clean", 0.6)]).winning_detector == "secrets"
}

test_a_weak_suspicion_does_not if {
	conflict([finding("secrets", "clean", 0.6), finding("dangerous-code", "unsafe_sql", 0.4)]).resolution_strategy == "majority_vote"
}

test_a_strong_one_does if {
	conflict([finding("secrets", "clean", 0.6), finding("dangerous-code", "reverse_shell", 0.9)]).winning_detector == "dangerous-code"
}
