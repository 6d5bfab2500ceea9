package orchestration_test

import data.orchestration

conflict(outputs) := decision if {
	decision := orchestration.conflict with input as {
		"detector_outputs": [{"detector": name, "output": output} | some name, output in outputs],
		"policy": {"policy_data": {"benign_labels": ["email"]}},
	}
}

test_a_secret_stands if conflict({"secrets": "api_key", "pii": "email"}).resolution_reason == "a secret leaves the house"

test_a_mail_address_is_no_finding if conflict({"secrets": "clean", "pii": "email"}).winning_detector == "secrets"

test_a_card_number_is_voted_on if conflict({"secrets": "clean", "pii": "credit_card"}).resolution_strategy == "majority_vote"
