// The function app on Flex Consumption, and every setting it reads. No setting holds a secret.
param name string
param location string
param tags object
param pythonVersion string
param instanceMemoryMB int
param maximumInstanceCount int
param identityId string
param identityClientId string
param storageName string
param packageContainer string
param imageContainer string
param quarantineContainer string
param sqlServerHost string
param sqlDatabaseName string
param insightsConnectionString string
param subnetId string
param schedulerEndpoint string
param taskHubName string

resource account 'Microsoft.Storage/storageAccounts@2024-01-01' existing = {
  name: storageName
}

// How the host signs in to its own storage.
var hostStorage = {
  AzureWebJobsStorage__blobServiceUri: account.properties.primaryEndpoints.blob
  AzureWebJobsStorage__queueServiceUri: account.properties.primaryEndpoints.queue
  AzureWebJobsStorage__tableServiceUri: account.properties.primaryEndpoints.table
  AzureWebJobsStorage__credential: 'managedidentity'
  AzureWebJobsStorage__clientId: identityClientId
}

// What function_app reads; docs/settings.md describes each.
var appSettings = {
  IMAGE_STORAGE__blobServiceUri: account.properties.primaryEndpoints.blob
  IMAGE_STORAGE__queueServiceUri: account.properties.primaryEndpoints.queue
  IMAGE_STORAGE__credential: 'managedidentity'
  IMAGE_STORAGE__clientId: identityClientId
  IMAGE_CONTAINER: imageContainer
  QUARANTINE_CONTAINER: quarantineContainer
  SQL_CONNECTION_STRING: 'Server=tcp:${sqlServerHost},1433;Database=${sqlDatabaseName};Authentication=ActiveDirectoryMsi;UID=${identityClientId};Encrypt=yes'
  BLOB_TRIGGER_SOURCE: 'EventGrid' // the only source that Flex Consumption takes
  TASKHUB_NAME: taskHubName
  IMAGE_WIDTH: '32'
  IMAGE_HEIGHT: '32'
  MAX_IMAGE_BYTES: '1048576'
  SWEEP_SCHEDULE: '0 */5 * * * *'
  PURGE_SCHEDULE: '0 */5 3-5 * * *'
  RETENTION_DAYS: '30'
  PYTHON_THREADPOOL_THREAD_COUNT: '16' // equals host.json's maxConcurrentActivityFunctions
}

// Application Insights with the identity instead of a key.
var telemetry = {
  TELEMETRY: 'azuremonitor'
  APPLICATIONINSIGHTS_CONNECTION_STRING: insightsConnectionString
  APPLICATIONINSIGHTS_AUTHENTICATION_STRING: 'ClientId=${identityClientId};Authorization=AAD'
}

// Only with the Durable Task Scheduler; host.dts.json names this setting.
var scheduler = empty(schedulerEndpoint) ? {} : {
  DURABLE_TASK_SCHEDULER_CONNECTION_STRING: 'Endpoint=${schedulerEndpoint};Authentication=ManagedIdentity;ClientID=${identityClientId}'
}

// FC1 scales to zero and bills executions only.
resource plan 'Microsoft.Web/serverfarms@2024-04-01' = {
  name: 'plan-${name}'
  location: location
  tags: tags
  kind: 'functionapp'
  sku: { name: 'FC1', tier: 'FlexConsumption' }
  properties: { reserved: true }
}

// Signs in everywhere with the identity; no password for deployment or FTP.
resource app 'Microsoft.Web/sites@2024-04-01' = {
  name: name
  location: location
  tags: union(tags, { 'azd-service-name': 'scoring' }) // azd deploy finds the app by this tag
  kind: 'functionapp,linux'
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: { '${identityId}': {} }
  }
  properties: {
    serverFarmId: plan.id
    httpsOnly: true
    virtualNetworkSubnetId: empty(subnetId) ? null : subnetId
    siteConfig: {
      minTlsVersion: '1.2'
      ftpsState: 'Disabled'
    }
    functionAppConfig: {
      deployment: {
        storage: {
          type: 'blobContainer'
          value: '${account.properties.primaryEndpoints.blob}${packageContainer}'
          authentication: {
            type: 'UserAssignedIdentity'
            userAssignedIdentityResourceId: identityId
          }
        }
      }
      runtime: { name: 'python', version: pythonVersion }
      scaleAndConcurrency: {
        instanceMemoryMB: instanceMemoryMB
        maximumInstanceCount: maximumInstanceCount
      }
    }
  }
}

// Apart from the app, so that settings can be read as one table.
resource settings 'Microsoft.Web/sites/config@2024-04-01' = {
  parent: app
  name: 'appsettings'
  properties: union(hostStorage, appSettings, telemetry, scheduler)
}

// A publishing password would bypass the identity.
resource ftpSignIn 'Microsoft.Web/sites/basicPublishingCredentialsPolicies@2024-04-01' = {
  parent: app
  name: 'ftp'
  properties: { allow: false }
}

// The same for the deployment site.
resource scmSignIn 'Microsoft.Web/sites/basicPublishingCredentialsPolicies@2024-04-01' = {
  parent: app
  name: 'scm'
  properties: { allow: false }
}

output name string = app.name
output url string = 'https://${app.properties.defaultHostName}'
