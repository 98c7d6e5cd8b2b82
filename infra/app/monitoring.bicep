// Where logs, traces and metrics go; capped, so that a fault that logs in a loop cannot run up a bill.
param token string
param location string
param tags object

@description('Daily limit of ingested data in GB; above it ingestion stops until the next day.')
param dailyCapGb int = 1

// Application Insights keeps its data in a workspace.
resource workspace 'Microsoft.OperationalInsights/workspaces@2023-09-01' = {
  name: 'log-${token}'
  location: location
  tags: tags
  properties: {
    sku: { name: 'PerGB2018' }
    retentionInDays: 30
    workspaceCapping: { dailyQuotaGb: dailyCapGb }
  }
}

// Local authentication is off: only an identity with Monitoring Metrics Publisher may write.
resource insights 'Microsoft.Insights/components@2020-02-02' = {
  name: 'appi-${token}'
  location: location
  tags: tags
  kind: 'web'
  properties: {
    Application_Type: 'web'
    WorkspaceResourceId: workspace.id
    DisableLocalAuth: true
  }
}

output insightsId string = insights.id
output insightsName string = insights.name
output insightsConnectionString string = insights.properties.ConnectionString
