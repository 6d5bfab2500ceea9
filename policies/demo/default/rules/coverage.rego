# Whether enough was judged: the figure reaches the threshold, and every planned detector of policy_data.must_judge
# answered, whatever the figure says.
package orchestration

coverage := {
	"coverage_met": count(violations) == 0,
	"coverage_score": input.coverage_achieved,
	"missing_requirements": sort(unjudged),
	"policy_violations": sort(violations),
}

# The contract's tolerance: 0.7 + 0.1 meets 0.8.
violations contains "coverage_below_threshold" if input.coverage_achieved < input.threshold - 0.000000001

violations contains $"{detector}_did_not_judge" if {
	some detector in unjudged
	detector in input.policy.policy_data.must_judge
}

unjudged contains result.detector if {
	some result in input.results
	result.status != "success"
}
