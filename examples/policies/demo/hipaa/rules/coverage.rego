# Enough is judged when every kind was looked for and personal data were among them, whatever the figure says.
package orchestration

coverage := {
	"coverage_met": count(violations) == 0,
	"coverage_score": input.coverage_achieved,
	"missing_requirements": sort(unjudged),
	"policy_violations": sort(violations),
}

violations contains "not_every_identifier_was_looked_for" if input.coverage_achieved < input.threshold - 0.000000001

violations contains $"{detector}_did_not_judge" if some detector in unjudged

unjudged contains detector if {
	some detector in input.policy.policy_data.must_judge
	not judged(detector)
}

judged(detector) if {
	some result in input.results
	result.detector == detector
	result.status == "success"
}
