package orchestration_test

import data.orchestration

data_of := {"policy_data": {"prohibited": ["self_harm", "threat"]}}

conflict(outputs) := decision if {
	decision := orchestration.conflict with input as {
		"detector_outputs": [{"detector": name, "output": output} | some name, output in outputs],
		"policy": data_of,
	}
}

test_the_gravest_practice_wins if {
	conflict({"toxicity": "threat", "mine": "self_harm", "pii": "ssn"}).winning_detector == "mine"
}

test_other_findings_are_left_to_severity if {
	conflict({"pii": "ssn", "toxicity": "clean"}).resolution_strategy == "most_restrictive"
}

test_images_do_not_come_in if {
	orchestration.selection.allow == false with input as {"content_type": "image", "candidate_detectors": []}
}
