// The storage account's events. The subscription needs the deployed app's key, so it comes later:
// event-subscription.bicep, run by the postdeploy hook.
param name string
param location string
param tags object
param storageId string

resource topic 'Microsoft.EventGrid/systemTopics@2025-02-15' = {
  name: name
  location: location
  tags: tags
  properties: {
    source: storageId
    topicType: 'Microsoft.Storage.StorageAccounts'
  }
}

output topicName string = topic.name
