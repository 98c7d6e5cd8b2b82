// One account for images, host state and the code package. No shared keys, no anonymous access.
param name string
param location string
param tags object
param imageContainer string
param quarantineContainer string
param privateOnly bool
param allowedIpAddresses array

var packageContainer = 'app-package'

resource account 'Microsoft.Storage/storageAccounts@2024-01-01' = {
  name: name
  location: location
  tags: tags
  kind: 'StorageV2'
  sku: { name: 'Standard_LRS' }
  properties: {
    accessTier: 'Hot'
    allowBlobPublicAccess: false
    allowSharedKeyAccess: false
    allowCrossTenantReplication: false
    defaultToOAuthAuthentication: true
    minimumTlsVersion: 'TLS1_2'
    supportsHttpsTrafficOnly: true
    // Behind private endpoints the public endpoint is closed, except for the devices' addresses given.
    publicNetworkAccess: privateOnly && empty(allowedIpAddresses) ? 'Disabled' : 'Enabled'
    networkAcls: {
      bypass: 'AzureServices' // Event Grid validates the account when the topic is made
      defaultAction: privateOnly ? 'Deny' : 'Allow'
      ipRules: [for address in allowedIpAddresses: { value: address, action: 'Allow' }]
    }
  }
}

// A deletion can be undone for seven days: an image is irreplaceable, and a week of small blobs costs almost nothing.
resource blobs 'Microsoft.Storage/storageAccounts/blobServices@2024-01-01' = {
  parent: account
  name: 'default'
  properties: {
    deleteRetentionPolicy: { enabled: true, days: 7 }
    containerDeleteRetentionPolicy: { enabled: true, days: 7 }
  }
}

// Images as the devices sent them.
resource images 'Microsoft.Storage/storageAccounts/blobServices/containers@2024-01-01' = {
  parent: blobs
  name: imageContainer
  properties: { publicAccess: 'None' }
}

// Bytes of rejected and failed images, kept for a person to look at.
resource quarantine 'Microsoft.Storage/storageAccounts/blobServices/containers@2024-01-01' = {
  parent: blobs
  name: quarantineContainer
  properties: { publicAccess: 'None' }
}

// Flex Consumption starts the app from the zip in here.
resource packages 'Microsoft.Storage/storageAccounts/blobServices/containers@2024-01-01' = {
  parent: blobs
  name: packageContainer
  properties: { publicAccess: 'None' }
}

output id string = account.id
output name string = account.name
output blobEndpoint string = account.properties.primaryEndpoints.blob
output packageContainer string = packages.name
