package orchestration_test

import data.orchestration

finding(detector, output, confidence) := {"detector": detector, "output": output, "confidence": confidence}

clean(detector) := finding(detector, "clean", 0.6)

resolved(outputs) := decision if {
	decision := orchestration.conflict with input as {"detector_outputs": outputs, "policy": policy}
}

test_one_secret_outweighs_three_clean_votes if {
	resolved([
		clean("pii"),
		finding("secrets", "api_key", 0.95),
		clean("toxicity"),
		clean("prompt-injection"),
	]) == {
		"resolution_strategy": "most_restrictive",
		"winning_detector": "secrets",
		"tie_breaker": "preferred_detector",
		"resolution_reason": "risk before benign",
	}
}

test_a_finding_at_the_floor_counts if {
	resolved([clean("pii"), finding("toxicity", "insult", 0.4)]).resolution_strategy == "most_restrictive"
}

test_a_weak_finding_does_not_outvote_clean_detectors if {
	decision := resolved([clean("pii"), finding("toxicity", "insult", 0.39)])
	decision.resolution_strategy == "highest_confidence"
	not "winning_detector" in object.keys(decision)
}

test_a_weak_finding_is_not_preferred_to_a_strong_one if {
	resolved([finding("secrets", "password", 0.2), finding("pii", "ssn", 0.9)]).winning_detector == "pii"
}

test_a_finding_without_confidence_is_believed if {
	resolved([clean("pii"), finding("secrets", "token", null)]).winning_detector == "secrets"
}

test_precedence_orders_the_preferred_detector if {
	resolved([finding("pii", "ssn", 0.99), finding("secrets", "token", 0.5)]).winning_detector == "secrets"
}

test_a_detector_outside_the_precedence_still_makes_it_restrictive if {
	decision := resolved([clean("pii"), finding("my-detector", "phishing", 0.9)])
	decision.resolution_strategy == "most_restrictive"
	not "winning_detector" in object.keys(decision)
}

test_labels_are_benign_whatever_their_case if {
	resolved([finding("pii", "No_PII", 0.6), clean("secrets")]).resolution_strategy == "highest_confidence"
}

test_the_bundle_may_name_more_benign_labels if {
	decision := orchestration.conflict with input as {
		"detector_outputs": [finding("language", "Language_FR", 0.9), clean("pii")],
		"policy": {"policy_data": {"benign_labels": ["language_fr"]}},
	}
	decision.resolution_strategy == "highest_confidence"
}

# Nothing is weak where the bundle names no floor.
test_without_policy_data_every_finding_counts if {
	decision := orchestration.conflict with input as {
		"detector_outputs": [finding("pii", "email", 0.01), clean("secrets")],
		"policy": {"policy_data": {}},
	}
	decision.resolution_strategy == "most_restrictive"
}
