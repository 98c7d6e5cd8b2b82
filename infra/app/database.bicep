// The results. Entra sign-in only, so there is no password; serverless, so that an idle database costs its storage only.
param serverName string
param location string
param tags object
param administratorId string
@allowed(['User', 'Group', 'Application'])
param administratorType string
param autoPauseMinutes int
param freeOffer bool
param privateOnly bool

resource server 'Microsoft.Sql/servers@2023-08-01' = {
  name: serverName
  location: location
  tags: tags
  properties: {
    minimalTlsVersion: '1.2'
    publicNetworkAccess: privateOnly ? 'Disabled' : 'Enabled'
    administrators: {
      administratorType: 'ActiveDirectory'
      azureADOnlyAuthentication: true
      login: 'deployer' // a label; the sid decides
      sid: administratorId
      principalType: administratorType
      tenantId: tenant().tenantId
    }
  }
}

// Half a core while idle, one core at most: a row per image is little work.
resource database 'Microsoft.Sql/servers/databases@2023-08-01' = {
  parent: server
  name: 'scores'
  location: location
  tags: tags
  sku: { name: 'GP_S_Gen5', tier: 'GeneralPurpose', family: 'Gen5', capacity: 1 }
  properties: {
    autoPauseDelay: autoPauseMinutes
    minCapacity: json('0.5')
    maxSizeBytes: 34359738368 // 32 GB, about 60 million rows; grow it here
    requestedBackupStorageRedundancy: 'Local'
    useFreeLimit: freeOffer
    freeLimitExhaustionBehavior: freeOffer ? 'AutoPause' : null
  }
}

// Flex Consumption has no fixed addresses, so without a virtual network the app connects by the rule "any address of Azure" (0.0.0.0).
resource fromAzure 'Microsoft.Sql/servers/firewallRules@2023-08-01' = if (!privateOnly) {
  parent: server
  name: 'AllowAllWindowsAzureIps'
  properties: { startIpAddress: '0.0.0.0', endIpAddress: '0.0.0.0' }
}

output serverId string = server.id
output serverName string = server.name
output serverHost string = server.properties.fullyQualifiedDomainName
output databaseName string = database.name
