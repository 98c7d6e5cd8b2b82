// Everything one environment needs, in one resource group, from one deployment.
// What cannot exist before the first code deployment (the Event Grid subscription) is in event-subscription.bicep.
targetScope = 'subscription'

@minLength(1)
@maxLength(48)
@description('Name of the environment; part of the resource group\'s name and of the hash in all other names.')
param environmentName string

@description('Region of every resource; it must offer Flex Consumption.')
@metadata({ azd: { type: 'location' } })
param location string

@description('Object id of the deployer, who becomes the database\'s Entra administrator and may upload images.')
param principalId string

@allowed(['User', 'ServicePrincipal'])
@description('Type of principalId; a pipeline that signs in with OIDC is a ServicePrincipal.')
param principalType string = 'User'

// Lists are comma-separated strings: azd sets parameters from environment variables, and older versions cannot make an
// array of one.
@description('Comma-separated object ids of the identities that the devices sign in with; each may write images and nothing else.')
param agentPrincipalIds string = ''

@allowed(['User', 'Group', 'ServicePrincipal'])
@description('Type of the agentPrincipalIds.')
param agentPrincipalType string = 'ServicePrincipal'

@description('Put storage and database behind private endpoints and the function app into a network.')
param vnetEnabled bool = false

@description('With vnetEnabled: comma-separated public IP addresses of devices that may still reach the blob endpoint.')
param agentIpAddresses string = ''

@allowed(['3.11', '3.12', '3.13'])
@description('Python version of the function app; the images of 3.11 and 3.12 are known to include ODBC driver 18.')
param pythonVersion string = '3.12'

@description('Container that the agent uploads to and the trigger listens on.')
param imageContainer string = 'img'

@description('Container for the bytes of rejected and failed images.')
param quarantineContainer string = 'img-quarantine'

@minValue(1)
@maxValue(1000)
@description('Maximum number of instances: it limits throughput and cost.')
param maximumInstanceCount int = 40

@allowed([512, 2048, 4096])
@description('Memory of one instance in MB; billed per GB-second.')
param instanceMemoryMB int = 2048

@minValue(-1)
@description('Idle minutes after which the serverless database pauses; -1 for never.')
param sqlAutoPauseMinutes int = 60

@description('Use the database offer that is free of charge up to a monthly limit (limited per subscription).')
param sqlFreeOffer bool = false

@description('Keep orchestration state in the Durable Task Scheduler instead of Azure Storage (deploy with host.dts.json).')
param durableTaskScheduler bool = false

@description('Comma-separated email addresses for alerts and budget; empty means no email and no budget.')
param alertEmails string = ''

@minValue(1)
@description('Monthly budget of the resource group, in the subscription\'s currency.')
param monthlyBudget int = 50

@description('First day (yyyy-MM-01) of the month in which the budget starts; empty means no budget. Never change it: Azure refuses to move a budget\'s start, and the whole deployment would fail.')
param budgetStart string = ''

// The hash makes global names unique, and the same at each deployment of the environment.
var token = toLower(uniqueString(subscription().id, environmentName, location))
var tags = { 'azd-env-name': environmentName }
var agents = filter(map(split(agentPrincipalIds, ','), item => trim(item)), item => !empty(item))
var addresses = filter(map(split(agentIpAddresses, ','), item => trim(item)), item => !empty(item))
var mails = filter(map(split(alertEmails, ','), item => trim(item)), item => !empty(item))

// One group, so that tearing down is deleting one thing.
resource group 'Microsoft.Resources/resourceGroups@2024-03-01' = {
  name: 'rg-${environmentName}'
  location: location
  tags: tags
}

module identity 'app/identity.bicep' = {
  name: 'identity'
  scope: group
  params: {
    name: 'id-scoring-${token}'
    location: location
    tags: tags
  }
}

module monitoring 'app/monitoring.bicep' = {
  name: 'monitoring'
  scope: group
  params: {
    token: token
    location: location
    tags: tags
  }
}

module network 'app/network.bicep' = if (vnetEnabled) {
  name: 'network'
  scope: group
  params: {
    name: 'vnet-${token}'
    location: location
    tags: tags
  }
}

module storage 'app/storage.bicep' = {
  name: 'storage'
  scope: group
  params: {
    name: 'st${token}'
    location: location
    tags: tags
    imageContainer: imageContainer
    quarantineContainer: quarantineContainer
    privateOnly: vnetEnabled
    allowedIpAddresses: addresses
  }
}

module database 'app/database.bicep' = {
  name: 'database'
  scope: group
  params: {
    serverName: 'sql-${token}'
    location: location
    tags: tags
    administratorId: principalId
    administratorType: principalType == 'User' ? 'User' : 'Application'
    autoPauseMinutes: sqlAutoPauseMinutes
    freeOffer: sqlFreeOffer
    privateOnly: vnetEnabled
  }
}

module endpoints 'app/private-endpoints.bicep' = if (vnetEnabled) {
  name: 'private-endpoints'
  scope: group
  params: {
    location: location
    tags: tags
    networkId: vnetEnabled ? network!.outputs.networkId : ''
    subnetId: vnetEnabled ? network!.outputs.endpointSubnetId : ''
    storageId: storage.outputs.id
    sqlServerId: database.outputs.serverId
  }
}

module scheduler 'app/durable-task-scheduler.bicep' = if (durableTaskScheduler) {
  name: 'durable-task-scheduler'
  scope: group
  params: {
    name: 'dts-${token}'
    location: location
    tags: tags
    appPrincipalId: identity.outputs.principalId
  }
}

module access 'app/access.bicep' = {
  name: 'access'
  scope: group
  params: {
    storageName: storage.outputs.name
    imageContainer: imageContainer
    insightsName: monitoring.outputs.insightsName
    appPrincipalId: identity.outputs.principalId
    deployerPrincipalId: principalId
    deployerPrincipalType: principalType
    agentPrincipalIds: agents
    agentPrincipalType: agentPrincipalType
  }
}

module functionApp 'app/function-app.bicep' = {
  name: 'function-app'
  scope: group
  dependsOn: [access] // the host reads its storage as soon as it exists
  params: {
    name: 'func-scoring-${token}'
    location: location
    tags: tags
    pythonVersion: pythonVersion
    instanceMemoryMB: instanceMemoryMB
    maximumInstanceCount: maximumInstanceCount
    identityId: identity.outputs.id
    identityClientId: identity.outputs.clientId
    storageName: storage.outputs.name
    packageContainer: storage.outputs.packageContainer
    imageContainer: imageContainer
    quarantineContainer: quarantineContainer
    sqlServerHost: database.outputs.serverHost
    sqlDatabaseName: database.outputs.databaseName
    insightsConnectionString: monitoring.outputs.insightsConnectionString
    subnetId: vnetEnabled ? network!.outputs.appSubnetId : ''
    schedulerEndpoint: durableTaskScheduler ? scheduler!.outputs.endpoint : ''
    taskHubName: durableTaskScheduler ? scheduler!.outputs.taskHubName : 'ImageScoring'
  }
}

module events 'app/events.bicep' = {
  name: 'events'
  scope: group
  params: {
    name: 'evgt-${token}'
    location: location
    tags: tags
    storageId: storage.outputs.id
  }
}

module alerts 'app/alerts.bicep' = {
  name: 'alerts'
  scope: group
  params: {
    token: token
    location: location
    tags: tags
    insightsId: monitoring.outputs.insightsId
    emails: mails
  }
}

module budget 'app/budget.bicep' = if (!empty(mails) && !empty(budgetStart)) {
  name: 'budget'
  scope: group
  params: {
    amount: monthlyBudget
    start: budgetStart
    emails: mails
  }
}

// For the hooks and for people; azd keeps them in .azure/<environment>/.env. None of them is a secret.
output AZURE_RESOURCE_GROUP string = group.name
output AZURE_TENANT_ID string = tenant().tenantId
output FUNCTION_APP_NAME string = functionApp.outputs.name
output FUNCTION_APP_URL string = functionApp.outputs.url
output STORAGE_ACCOUNT_NAME string = storage.outputs.name
output EVENT_GRID_TOPIC_NAME string = events.outputs.topicName
output SQL_SERVER_NAME string = database.outputs.serverName
output SQL_SERVER_HOST string = database.outputs.serverHost
output SQL_DATABASE_NAME string = database.outputs.databaseName
output APP_IDENTITY_NAME string = identity.outputs.name
output APP_IDENTITY_CLIENT_ID string = identity.outputs.clientId
output VNET_ENABLED bool = vnetEnabled
// The device's computer needs exactly these two, and an identity from agentPrincipalIds.
output AGENT_STORAGE_ACCOUNT_URL string = storage.outputs.blobEndpoint
output AGENT_CONTAINER string = imageContainer
