package orchestration_test

import data.orchestration

selection(fields) := decision if {
	decision := orchestration.selection with input as object.union(
		{"content_type": "text", "candidate_detectors": [{"name": "toxicity"}], "excluded_detectors": []},
		fields,
	)
}

test_text_is_judged if selection({}).selected_detectors == ["toxicity"]

test_code_is_refused if selection({"content_type": "code"}).allow == false

test_nobody_may_leave_a_detector_out if selection({"excluded_detectors": ["toxicity"]}).allow == false

conflict(outputs) := decision if {
	decision := orchestration.conflict with input as {
		"detector_outputs": [{"detector": name, "output": output, "confidence": 0.1} | some name, output in outputs],
		"policy": {"policy_data": {"precedence": ["toxicity", "pii"]}},
	}
}

test_the_weakest_insult_is_enough if {
	conflict({"toxicity": "insult", "pii": "clean"}).winning_detector == "toxicity"
}

test_the_tone_is_named_first if conflict({"toxicity": "insult", "pii": "email"}).winning_detector == "toxicity"

test_a_detector_without_a_rank_still_counts if {
	conflict({"toxicity": "clean", "mine": "grooming"}).resolution_strategy == "most_restrictive"
}
