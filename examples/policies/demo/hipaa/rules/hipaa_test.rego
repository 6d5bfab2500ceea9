package orchestration_test

import data.orchestration

policy := {"policy_data": {"must_judge": ["pii"], "precedence": ["pii", "secrets"]}}

coverage(results) := decision if {
	decision := orchestration.coverage with input as {
		"coverage_achieved": 1,
		"threshold": 1,
		"results": [{"detector": name, "status": status} | some name, status in results],
		"policy": policy,
	}
}

test_all_judged if coverage({"pii": "success", "secrets": "success"}).coverage_met

test_personal_data_must_have_been_looked_for if {
	decision := coverage({"pii": "timeout", "secrets": "success"})
	not decision.coverage_met
	decision.missing_requirements == ["pii"]
}

test_that_nobody_was_asked_is_no_excuse if not coverage({"secrets": "success"}).coverage_met

test_below_the_threshold if {
	decision := orchestration.coverage with input as {
		"coverage_achieved": 0.5,
		"threshold": 1,
		"results": [{"detector": "pii", "status": "success"}],
		"policy": policy,
	}
	decision.policy_violations == ["not_every_identifier_was_looked_for"]
}

test_a_patient_goes_before_a_password if {
	decision := orchestration.conflict with input as {
		"detector_outputs": [
			{"detector": "secrets", "output": "password", "confidence": 0.99},
			{"detector": "pii", "output": "medical_record", "confidence": 0.5},
		],
		"policy": policy,
	}
	decision.winning_detector == "pii"
}
