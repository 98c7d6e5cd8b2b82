// Three questions asked of the telemetry every few minutes. The metric names are those of function_app/telemetry/observing.py.
param token string
param location string
param tags object
param insightsId string
param emails array

@description('Oldest image without an outcome, in seconds, above which someone should look. A host that is killed makes its blobs wait for 10 minutes and its activities for 5, by itself: that is below.')
param oldestWaitingSeconds int = 900

@description('Share of rejected images in an hour, in percent, above which a device is probably at fault.')
param rejectedPercent int = 20

// Who is told when an answer is bad.
resource people 'Microsoft.Insights/actionGroups@2023-01-01' = {
  name: 'ag-${token}'
  location: 'global'
  tags: tags
  properties: {
    enabled: true
    groupShortName: 'scoring'
    emailReceivers: [for (address, i) in emails: {
      name: 'mail-${i}'
      emailAddress: address
      useCommonAlertSchema: true
    }]
  }
}

var rules = [
  {
    name: 'failed-runs'
    severity: 1
    why: 'A run failed for good: its image is in quarantine and waits for a replay.'
    window: 'PT30M' // twice the interval: telemetry may arrive minutes late
    threshold: 0
    query: 'customMetrics | where name == "pipeline.images" and tostring(customDimensions["outcome"]) == "failed" | summarize value = sum(valueSum)'
  }
  {
    name: 'oldest-waiting'
    severity: 2
    why: 'An uploaded image has had no outcome for too long.'
    window: 'PT30M'
    threshold: oldestWaitingSeconds
    query: 'customMetrics | where name == "pipeline.oldest_waiting" | summarize value = max(valueMax)'
  }
  {
    name: 'rejected-share'
    severity: 3
    why: 'Many images are rejected: a device sends what cannot be scored.'
    window: 'PT1H'
    threshold: rejectedPercent
    query: 'customMetrics | where name == "pipeline.images" | summarize rejected = sumif(valueSum, tostring(customDimensions["outcome"]) == "rejected"), total = sum(valueSum) | where total >= 20 | extend value = 100.0 * rejected / total'
  }
]

// One rule for each question.
resource alerts 'Microsoft.Insights/scheduledQueryRules@2023-12-01' = [for rule in rules: {
  name: '${rule.name}-${token}'
  location: location
  tags: tags
  kind: 'LogAlert'
  properties: {
    displayName: rule.name
    description: rule.why
    severity: rule.severity
    enabled: true
    scopes: [insightsId]
    evaluationFrequency: 'PT15M'
    windowSize: rule.window
    skipQueryValidation: true // the tables are empty until the first image has run
    criteria: {
      allOf: [
        {
          query: rule.query
          metricMeasureColumn: 'value'
          timeAggregation: 'Maximum'
          operator: 'GreaterThan'
          threshold: rule.threshold
          failingPeriods: { numberOfEvaluationPeriods: 1, minFailingPeriodsToAlert: 1 }
        }
      ]
    }
    autoMitigate: true
    actions: { actionGroups: [people.id] }
  }
}]
