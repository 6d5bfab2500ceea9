package orchestration_test

import data.orchestration

results(failed) := [{"detector": name, "status": status(name, failed)} |
	some name in ["pii", "secrets", "toxicity", "prompt-injection"]
]

status(name, failed) := "timeout" if name in failed

status(name, failed) := "success" if not name in failed

covered(achieved, threshold, failed) := decision if {
	decision := orchestration.coverage with input as {
		"coverage_achieved": achieved,
		"threshold": threshold,
		"results": results(failed),
		"policy": policy,
	}
}

test_all_judged if {
	covered(1, 0.8, []) == {
		"coverage_met": true,
		"coverage_score": 1,
		"missing_requirements": [],
		"policy_violations": [],
	}
}

test_below_the_threshold if {
	decision := covered(0.75, 0.8, ["toxicity"])
	not decision.coverage_met
	decision.missing_requirements == ["toxicity"]
	decision.policy_violations == ["coverage_below_threshold"]
}

test_at_the_threshold_within_tolerance if {
	covered(0.7999999999999999, 0.8, ["toxicity"]).coverage_met
}

test_a_leak_detector_must_judge_even_above_the_threshold if {
	every detector in ["pii", "secrets"] {
		decision := covered(0.9, 0.8, [detector])
		not decision.coverage_met
		decision.policy_violations == [concat("", [detector, "_did_not_judge"])]
	}
}

test_another_detector_may_be_missing_above_the_threshold if {
	covered(0.9, 0.8, ["prompt-injection"]).coverage_met
}
