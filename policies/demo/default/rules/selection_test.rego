package orchestration_test

import data.orchestration

policy := {
	"optional_detectors": ["language"],
	"policy_data": {
		"must_judge": ["pii", "secrets"],
		"signal_floor": 0.4,
		"precedence": ["secrets", "prompt-injection", "dangerous-code", "pii", "toxicity", "language"],
	},
}

request := {
	"content_type": "text",
	"priority": "normal",
	"candidate_detectors": [
		{"name": "toxicity", "healthy": true},
		{"name": "secrets", "healthy": true},
		{"name": "language", "healthy": true},
		{"name": "pii", "healthy": false},
	],
	"required_detectors": [],
	"excluded_detectors": [],
	"policy": policy,
}

selected(overrides) := detectors if {
	detectors := orchestration.selection.selected_detectors with input as object.union(request, overrides)
}

test_all_candidates_look if {
	selected({}) == ["language", "pii", "secrets", "toxicity"]
}

test_risk_detectors_are_selected_even_when_down if {
	"pii" in selected({})
}

test_a_critical_request_does_without_optional_detectors if {
	selected({"priority": "critical"}) == ["pii", "secrets", "toxicity"]
}

test_an_optional_detector_that_is_down_is_left_out if {
	selected({"candidate_detectors": [
		{"name": "secrets", "healthy": true},
		{"name": "language", "healthy": false},
	]}) == ["secrets"]
}

test_excluded_detectors_are_left_out if {
	selected({"excluded_detectors": ["toxicity", "language"]}) == ["pii", "secrets"]
}

test_code_is_judged_by_its_own_candidates if {
	selected({"content_type": "code", "candidate_detectors": [
		{"name": "secrets", "healthy": true},
		{"name": "dangerous-code", "healthy": true},
		{"name": "prompt-injection", "healthy": true},
	]}) == ["dangerous-code", "prompt-injection", "secrets"]
}

test_images_are_judged_by_their_own_candidates if {
	selected({"content_type": "image", "candidate_detectors": [{"name": "image-safety", "healthy": true}]}) == ["image-safety"]
}

test_no_content_is_refused if {
	every type in ["text", "document", "code", "image"] {
		decision := orchestration.selection with input as object.union(request, {"content_type": type})
		not "allow" in object.keys(decision)
		decision.selection_reason == concat("", [type, " at normal priority"])
	}
}
