"""Standard nodes: the Server object and the types of objects.

How they are written: `standard.py`.
"""

from __future__ import annotations

OBJECTS = """
@2253
p2254 ServerArray :String[], 2255 NamespaceArray :String[], 2267 ServiceLevel :Byte, 2994 Auditing :Boolean
o2295 VendorServerInfo =VendorServerInfoType
v2256 ServerStatus :ServerStatusDataType =ServerStatusType
 v2257 StartTime :UtcTime, 2258 CurrentTime :UtcTime, 2259 State :ServerState, 2992 SecondsTillShutdown :UInt32
 v2993 ShutdownReason :LocalizedText
 v2260 BuildInfo :BuildInfo =BuildInfoType
  v2262 ProductUri :String, 2263 ManufacturerName :String, 2261 ProductName :String, 2264 SoftwareVersion :String
  v2265 BuildNumber :String, 2266 BuildDate :UtcTime
o2268 ServerCapabilities =ServerCapabilitiesType
 p2269 ServerProfileArray :String[], 2271 LocaleIdArray :LocaleId[], 2272 MinSupportedSampleRate :Duration
 p2735 MaxBrowseContinuationPoints :UInt16, 2736 MaxQueryContinuationPoints :UInt16
 p2737 MaxHistoryContinuationPoints :UInt16, 3704 SoftwareCertificates :SignedSoftwareCertificate[]
 p11702 MaxArrayLength :UInt32, 11703 MaxStringLength :UInt32, 12911 MaxByteStringLength :UInt32
 p24095 MaxSessions :UInt32, 24096 MaxSubscriptions :UInt32, 24097 MaxMonitoredItems :UInt32
 p24098 MaxSubscriptionsPerSession :UInt32, 24104 MaxMonitoredItemsPerSubscription :UInt32
 p24099 MaxSelectClauseParameters :UInt32, 24100 MaxWhereClauseParameters :UInt32
 p31916 MaxMonitoredItemsQueueSize :UInt32
 o2997 AggregateFunctions =FolderType
 o2996 ModellingRules =FolderType
  /78 Mandatory =ModellingRuleType, 80 Optional =ModellingRuleType, 83 ExposesItsArray =ModellingRuleType
  /11508 OptionalPlaceholder =ModellingRuleType, 11510 MandatoryPlaceholder =ModellingRuleType
 o11704 OperationLimits =OperationLimitsType
  p11705 MaxNodesPerRead :UInt32, 12165 MaxNodesPerHistoryReadData :UInt32, 12166 MaxNodesPerHistoryReadEvents :UInt32
  p11707 MaxNodesPerWrite :UInt32, 12167 MaxNodesPerHistoryUpdateData :UInt32
  p12168 MaxNodesPerHistoryUpdateEvents :UInt32, 11709 MaxNodesPerMethodCall :UInt32, 11710 MaxNodesPerBrowse :UInt32
  p11711 MaxNodesPerRegisterNodes :UInt32, 11712 MaxNodesPerTranslateBrowsePathsToNodeIds :UInt32
  p11713 MaxNodesPerNodeManagement :UInt32, 11714 MaxMonitoredItemsPerCall :UInt32
 o11192 HistoryServerCapabilities =HistoryServerCapabilitiesType
  p11193 AccessHistoryDataCapability :Boolean, 11242 AccessHistoryEventsCapability :Boolean
  p11273 MaxReturnDataValues :UInt32, 11274 MaxReturnEventValues :UInt32, 11196 InsertDataCapability :Boolean
  p11197 ReplaceDataCapability :Boolean, 11198 UpdateDataCapability :Boolean, 11199 DeleteRawCapability :Boolean
  p11200 DeleteAtTimeCapability :Boolean, 11281 InsertEventCapability :Boolean, 11282 ReplaceEventCapability :Boolean
  p11283 UpdateEventCapability :Boolean, 11502 DeleteEventCapability :Boolean
  p11275 InsertAnnotationCapability :Boolean, 19091 ServerTimestampSupported :Boolean
  o11201 AggregateFunctions =FolderType
o2274 ServerDiagnostics =ServerDiagnosticsType
 p2294 EnabledFlag :Boolean
 v2290 SubscriptionDiagnosticsArray :SubscriptionDiagnosticsDataType[] =SubscriptionDiagnosticsArrayType
 v2275 ServerDiagnosticsSummary :ServerDiagnosticsSummaryDataType =ServerDiagnosticsSummaryType
  v2276 ServerViewCount :UInt32, 2277 CurrentSessionCount :UInt32, 2278 CumulatedSessionCount :UInt32
  v2279 SecurityRejectedSessionCount :UInt32, 3705 RejectedSessionCount :UInt32, 2281 SessionTimeoutCount :UInt32
  v2282 SessionAbortCount :UInt32, 2284 PublishingIntervalCount :UInt32, 2285 CurrentSubscriptionCount :UInt32
  v2286 CumulatedSubscriptionCount :UInt32, 2287 SecurityRejectedRequestsCount :UInt32
  v2288 RejectedRequestsCount :UInt32
 o3706 SessionsDiagnosticsSummary =SessionsDiagnosticsSummaryType
  v3707 SessionDiagnosticsArray :SessionDiagnosticsDataType[] =SessionDiagnosticsArrayType
  v3708 SessionSecurityDiagnosticsArray :SessionSecurityDiagnosticsDataType[] =SessionSecurityDiagnosticsArrayType
o2296 ServerRedundancy =ServerRedundancyType
 p3709 RedundancySupport :RedundancySupport
o11715 Namespaces =NamespacesType
 o15957 http://opcfoundation.org/UA/ =NamespaceMetadataType
  p15958 NamespaceUri :String, 15959 NamespaceVersion :String, 15960 NamespacePublicationDate :DateTime
  p15961 IsNamespaceSubset :Boolean, 15962 StaticNodeIdTypes :IdType[], 15963 StaticNumericNodeIdRange :NumericRange[]
  p15964 StaticStringNodeIdPattern :String
m11492 GetMonitoredItems
 p11493 InputArguments :Argument[], 11494 OutputArguments :Argument[]
m12873 ResendData
 p12874 InputArguments :Argument[]
@58
>75 DataTypeSystemType, 76 DataTypeEncodingType, 77 ModellingRuleType, 2033 VendorServerInfoType, 2041 BaseEventType *
>2340 AggregateFunctionType
>61 FolderType
 >11564 OperationLimitsType
  p11565 MaxNodesPerRead :UInt32 !O, 12161 MaxNodesPerHistoryReadData :UInt32 !O
  p12162 MaxNodesPerHistoryReadEvents :UInt32 !O, 11567 MaxNodesPerWrite :UInt32 !O
  p12163 MaxNodesPerHistoryUpdateData :UInt32 !O, 12164 MaxNodesPerHistoryUpdateEvents :UInt32 !O
  p11569 MaxNodesPerMethodCall :UInt32 !O, 11570 MaxNodesPerBrowse :UInt32 !O
  p11571 MaxNodesPerRegisterNodes :UInt32 !O, 11572 MaxNodesPerTranslateBrowsePathsToNodeIds :UInt32 !O
  p11573 MaxNodesPerNodeManagement :UInt32 !O, 11574 MaxMonitoredItemsPerCall :UInt32 !O
 >16405 AlarmGroupType
  >32064 AlarmSuppressionGroupType
>2004 ServerType
 p2005 ServerArray :String[] !M, 2006 NamespaceArray :String[] !M, 15003 UrisVersion :VersionTime !O
 p2008 ServiceLevel :Byte !M, 2742 Auditing :Boolean !M, 12882 EstimatedReturnTime :DateTime !O
 p17612 LocalTime :TimeZoneDataType !O
 v2007 ServerStatus :ServerStatusDataType =ServerStatusType !M
 o2009 ServerCapabilities =ServerCapabilitiesType !M, 2010 ServerDiagnostics =ServerDiagnosticsType !M
 o2011 VendorServerInfo =VendorServerInfoType !M, 2012 ServerRedundancy =ServerRedundancyType !M
 o11527 Namespaces =NamespacesType !O
 m11489 GetMonitoredItems !O
  p11490 InputArguments :Argument[] !M, 11491 OutputArguments :Argument[] !M
 m12871 ResendData !O
  p12872 InputArguments :Argument[] !M
 m12746 SetSubscriptionDurable !O
  p12747 InputArguments :Argument[] !M, 12748 OutputArguments :Argument[] !M
 m12883 RequestServerStateChange !O
  p12884 InputArguments :Argument[] !M
>2013 ServerCapabilitiesType
 p2014 ServerProfileArray :String[] !M, 2016 LocaleIdArray :LocaleId[] !M, 2017 MinSupportedSampleRate :Duration !M
 p2732 MaxBrowseContinuationPoints :UInt16 !M, 2733 MaxQueryContinuationPoints :UInt16 !M
 p2734 MaxHistoryContinuationPoints :UInt16 !M, 19809 MaxLogObjectContinuationPoints :UInt16 !O
 p3049 SoftwareCertificates :SignedSoftwareCertificate[] !M, 11549 MaxArrayLength :UInt32 !O
 p11550 MaxStringLength :UInt32 !O, 12910 MaxByteStringLength :UInt32 !O, 24088 MaxSessions :UInt32 !O
 p24089 MaxSubscriptions :UInt32 !O, 24090 MaxMonitoredItems :UInt32 !O, 24091 MaxSubscriptionsPerSession :UInt32 !O
 p24103 MaxMonitoredItemsPerSubscription :UInt32 !O, 24092 MaxSelectClauseParameters :UInt32 !O
 p24093 MaxWhereClauseParameters :UInt32 !O, 31770 MaxMonitoredItemsQueueSize :UInt32 !O
 p24094 ConformanceUnits :QualifiedName[] !O
 v11562 <VendorCapability> :BaseDataType =ServerVendorCapabilityType !o
 o2019 ModellingRules =FolderType !M, 2754 AggregateFunctions =FolderType !M
 o11551 OperationLimits =OperationLimitsType !O
>2020 ServerDiagnosticsType
 p2025 EnabledFlag :Boolean !M
 v2021 ServerDiagnosticsSummary :ServerDiagnosticsSummaryDataType =ServerDiagnosticsSummaryType !M
 v2022 SamplingIntervalDiagnosticsArray :SamplingIntervalDiagnosticsDataType[] =SamplingIntervalDiagnosticsArrayType !O
 v2023 SubscriptionDiagnosticsArray :SubscriptionDiagnosticsDataType[] =SubscriptionDiagnosticsArrayType !M
 o2744 SessionsDiagnosticsSummary =SessionsDiagnosticsSummaryType !M
>2026 SessionsDiagnosticsSummaryType
 v2027 SessionDiagnosticsArray :SessionDiagnosticsDataType[] =SessionDiagnosticsArrayType !M
 v2028 SessionSecurityDiagnosticsArray :SessionSecurityDiagnosticsDataType[] =SessionSecurityDiagnosticsArrayType !M
 o12097 <ClientName> =SessionDiagnosticsObjectType !o
>2029 SessionDiagnosticsObjectType
 p19303 CurrentRoleIds :NodeId[] !O
 v2030 SessionDiagnostics :SessionDiagnosticsDataType =SessionDiagnosticsVariableType !M
 v2031 SessionSecurityDiagnostics :SessionSecurityDiagnosticsDataType =SessionSecurityDiagnosticsType !M
 v2032 SubscriptionDiagnosticsArray :SubscriptionDiagnosticsDataType[] =SubscriptionDiagnosticsArrayType !M
>2034 ServerRedundancyType
 p2035 RedundancySupport :RedundancySupport !M, 32410 RedundantServerArray :RedundantServerDataType[] !O
>11616 NamespaceMetadataType
 p11617 NamespaceUri :String !M, 11618 NamespaceVersion :String !M, 11619 NamespacePublicationDate :DateTime !M
 p11620 IsNamespaceSubset :Boolean !M, 11621 StaticNodeIdTypes :IdType[] !M
 p11622 StaticNumericNodeIdRange :NumericRange[] !M, 11623 StaticStringNodeIdPattern :String !M
>11645 NamespacesType
 o11646 <NamespaceIdentifier> =NamespaceMetadataType !o
>2299 StateMachineType
 v2769 CurrentState :LocalizedText =StateVariableType !M
  p3720 Id :BaseDataType !M
 v2770 LastTransition :LocalizedText =TransitionVariableType !O
  p3724 Id :BaseDataType !M
 >2771 FiniteStateMachineType *
  v17635 AvailableStates :NodeId[] !O, 17636 AvailableTransitions :NodeId[] !O
  v2772 CurrentState :LocalizedText =FiniteStateVariableType !M
   p3728 Id :NodeId !M
  v2773 LastTransition :LocalizedText =FiniteTransitionVariableType !O
   p3732 Id :NodeId !M
  >2929 ShelvedStateMachineType
   p9115 UnshelveTime :Duration !M
   m2947 Unshelve !M, 2948 OneShotShelve !M
   o2930 Unshelved =StateType
    p6098 StateNumber :UInt32 !M
   o2932 TimedShelved =StateType
    p6100 StateNumber :UInt32 !M
   o2933 OneShotShelved =StateType
    p6101 StateNumber :UInt32 !M
   o2935 UnshelvedToTimedShelved =TransitionType
    p11322 TransitionNumber :UInt32 !M
   o2936 UnshelvedToOneShotShelved =TransitionType
    p11323 TransitionNumber :UInt32 !M
   o2940 TimedShelvedToUnshelved =TransitionType
    p11324 TransitionNumber :UInt32 !M
   o2942 TimedShelvedToOneShotShelved =TransitionType
    p11325 TransitionNumber :UInt32 !M
   o2943 OneShotShelvedToUnshelved =TransitionType
    p11326 TransitionNumber :UInt32 !M
   o2945 OneShotShelvedToTimedShelved =TransitionType
    p11327 TransitionNumber :UInt32 !M
   m2949 TimedShelve !M
    p2991 InputArguments :Argument[] !M
   m24756 TimedShelve2 !O
    p24757 InputArguments :Argument[] !M
   m24758 Unshelve2 !O
    p24759 InputArguments :Argument[] !M
   m24760 OneShotShelve2 !O
    p24761 InputArguments :Argument[] !M
  >9318 ExclusiveLimitStateMachineType
   o9329 HighHigh =StateType
    p9330 StateNumber :UInt32 !M
   o9331 High =StateType
    p9332 StateNumber :UInt32 !M
   o9333 Low =StateType
    p9334 StateNumber :UInt32 !M
   o9335 LowLow =StateType
    p9336 StateNumber :UInt32 !M
   o9337 LowLowToLow =TransitionType
    p11340 TransitionNumber :UInt32 !M
   o9338 LowToLowLow =TransitionType
    p11341 TransitionNumber :UInt32 !M
   o9339 HighHighToHigh =TransitionType
    p11342 TransitionNumber :UInt32 !M
   o9340 HighToHighHigh =TransitionType
    p11343 TransitionNumber :UInt32 !M
>2307 StateType
 p2308 StateNumber :UInt32 !M
 >2309 InitialStateType
>2310 TransitionType
 p2312 TransitionNumber :UInt32 !M
>11163 BaseConditionClassType *
 >11164 ProcessConditionClassType *, 11165 MaintenanceConditionClassType *, 11166 SystemConditionClassType *
 >17218 SafetyConditionClassType *, 17219 HighlyManagedAlarmConditionClassType *, 17220 TrainingConditionClassType *
 >18665 StatisticalConditionClassType *, 17221 TestingConditionClassType *
>2318 HistoricalDataConfigurationType
 p2323 Stepped :Boolean !M, 2324 Definition :String !O, 2325 MaxTimeInterval :Duration !O
 p2326 MinTimeInterval :Duration !O, 2327 ExceptionDeviation :Double !O
 p2328 ExceptionDeviationFormat :ExceptionDeviationFormat !O, 11499 StartOfArchive :UtcTime !O
 p11500 StartOfOnlineArchive :UtcTime !O, 19092 ServerTimestampSupported :Boolean !O
 p32619 MaxTimeStoredValues :Duration !O, 32620 MaxCountStoredValues :UInt32 !O
 o11876 AggregateFunctions =FolderType !O, 3059 AggregateConfiguration =AggregateConfigurationType !M
>2330 HistoryServerCapabilitiesType
 p2331 AccessHistoryDataCapability :Boolean !M, 2332 AccessHistoryEventsCapability :Boolean !M
 p11268 MaxReturnDataValues :UInt32 !M, 11269 MaxReturnEventValues :UInt32 !M, 2334 InsertDataCapability :Boolean !M
 p2335 ReplaceDataCapability :Boolean !M, 2336 UpdateDataCapability :Boolean !M, 2337 DeleteRawCapability :Boolean !M
 p2338 DeleteAtTimeCapability :Boolean !M, 11278 InsertEventCapability :Boolean !M
 p11279 ReplaceEventCapability :Boolean !M, 11280 UpdateEventCapability :Boolean !M
 p11501 DeleteEventCapability :Boolean !M, 11270 InsertAnnotationCapability :Boolean !M
 p19094 ServerTimestampSupported :Boolean !O
 o11172 AggregateFunctions =FolderType !M
>11187 AggregateConfigurationType
 p11188 TreatUncertainAsBad :Boolean !M, 11189 PercentDataBad :Byte !M, 11190 PercentDataGood :Byte !M
 p11191 UseSlopedExtrapolation :Boolean !M
"""
