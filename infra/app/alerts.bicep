// Three log alerts, evaluated every 15 minutes. The metric names are those of function_app/telemetry/observing.py.
param token string
param location string
param tags object
param insightsId string
param emails array

@description('Age of the oldest image without an outcome, in seconds, above which to alert. After a host is killed, its blobs wait for 10 minutes and its activities for 5: that is below.')
param oldestWaitingSeconds int = 900

@description('Percentage of rejected images in an hour above which to alert: a device is probably at fault.')
param rejectedPercent int = 20

// The email addresses that alerts are sent to.
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
    why: 'A run failed. Its image is in quarantine and can be replayed.'
    window: 'PT30M' // twice the interval: telemetry may arrive minutes late
    threshold: 0
    query: 'customMetrics | where name == "pipeline.images" and tostring(customDimensions["outcome"]) == "failed" | summarize value = sum(valueSum)'
  }
  {
    name: 'oldest-waiting'
    severity: 2
    why: 'An uploaded image has been waiting for an outcome for too long.'
    window: 'PT30M'
    threshold: oldestWaitingSeconds
    query: 'customMetrics | where name == "pipeline.oldest_waiting" | summarize value = max(valueMax)'
  }
  {
    name: 'rejected-share'
    severity: 3
    why: 'Many images are rejected: a device probably sends invalid images.'
    window: 'PT1H'
    threshold: rejectedPercent
    query: 'customMetrics | where name == "pipeline.images" | summarize rejected = sumif(valueSum, tostring(customDimensions["outcome"]) == "rejected"), total = sum(valueSum) | where total >= 20 | extend value = 100.0 * rejected / total'
  }
]

// A log query each; the alert resolves by itself once the value is below the threshold again.
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
