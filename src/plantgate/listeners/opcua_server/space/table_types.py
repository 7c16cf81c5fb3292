"""Standard nodes: the folders, and the types of references, data and variables.

How they are written: `standard.py`.
"""

from __future__ import annotations

TYPES = """
@84
/87 Views
/85 Objects
 /2253 Server =ServerType
/86 Types
 /3048 EventTypes
 /88 ObjectTypes
  /58 BaseObjectType #8
 /89 VariableTypes
  /62 BaseVariableType #16 *
 /90 DataTypes
  /24 BaseDataType #64 *
 /91 ReferenceTypes
  /31 References #32 * ~
   >32 NonHierarchicalReferences * ~
    >37 HasModellingRule ^ModellingRuleOf, 38 HasEncoding ^EncodingOf, 39 HasDescription ^DescriptionOf
    >40 HasTypeDefinition ^TypeDefinitionOf, 51 FromState ^ToTransition, 52 ToState ^FromTransition
    >53 HasCause ^MayBeCausedBy, 117 HasSubStateMachine ^SubStateMachineOf
    >17597 HasDictionaryEntry ^DictionaryEntryOf, 17603 HasInterface ^InterfaceOf
    >9004 HasTrueSubState ^IsTrueSubStateOf, 9005 HasFalseSubState ^IsFalseSubStateOf
    >9006 HasCondition ^IsConditionOf
    >41 GeneratesEvent ^GeneratedBy
     >3065 AlwaysGeneratesEvent ^AlwaysGeneratedBy
    >54 HasEffect ^MayBeEffectedBy
     >17276 HasEffectDisable ^MayBeDisabledBy, 17983 HasEffectEnable ^MayBeEnabledBy
     >17984 HasEffectSuppressed ^MayBeSuppressedBy, 17985 HasEffectUnsuppressed ^MayBeUnsuppressedBy
   >33 HierarchicalReferences * ^InverseHierarchicalReferences
    >34 HasChild * ^ChildOf
     >45 HasSubtype ^SubtypeOf
     >44 Aggregates * ^AggregatedBy
      >46 HasProperty ^PropertyOf, 56 HasHistoricalConfiguration ^HistoricalConfigurationOf
      >47 HasComponent ^ComponentOf
       >49 HasOrderedComponent ^OrderedComponentOf, 17604 HasAddIn ^AddInOf
       >16361 HasAlarmSuppressionGroup ^IsAlarmSuppressionGroupOf
       >129 HasArgumentDescription ^ArgumentDescriptionOf
        >131 HasOptionalInputArgumentDescription ^OptionalInputArgumentDescriptionOf
    >35 Organizes ^OrganizedBy
     >16362 AlarmGroupMember ^MemberOfAlarmGroup
      >32059 AlarmSuppressionGroupMember ^MemberOfAlarmSuppressionGroup
    >36 HasEventSource ^EventSourceOf
     >48 HasNotifier ^NotifierOf
@24
>1 Boolean, 14 Guid, 16 XmlElement, 18 ExpandedNodeId, 19 StatusCode, 20 QualifiedName, 21 LocalizedText, 23 DataValue
>25 DiagnosticInfo
>26 Number *
 >10 Float, 50 Decimal
 >27 Integer *
  >2 SByte, 4 Int16, 6 Int32, 8 Int64
 >28 UInteger *
  >9 UInt64
  >3 Byte
   >15031 AccessLevelType, 15033 EventNotifierType
  >5 UInt16
   >32251 AlarmMask, 95 AccessRestrictionType
  >7 UInt32
   >31917 Handle, 94 PermissionType, 15406 AccessLevelExType, 17588 Index, 288 IntegerId, 20998 VersionTime
   >347 AttributeWriteMask, 289 Counter
 >11 Double
  >290 Duration
>29 Enumeration *
 >120 NamingRuleType %12169, 256 IdType $7591, 257 NodeClass %11878, 98 StructureType $14528
 >307 ApplicationType $7597, 302 MessageSecurityMode $7595, 303 UserTokenType $7596
 >315 SecurityTokenRequestType $7598, 348 NodeAttributesMask %11881, 510 BrowseDirection $7603
 >517 BrowseResultMask %11883, 576 FilterOperator $7605, 625 TimestampsToReturn $7606, 11234 HistoryUpdateType %11884
 >11293 PerformUpdateType %11885, 716 MonitoringMode $7608, 717 DataChangeTrigger $7609, 718 DeadbandType $7610
 >851 RedundancySupport $7611, 852 ServerState $7612, 11941 ModelChangeStructureVerbMask %11942
 >12077 AxisScaleEnumeration $12078, 890 ExceptionDeviationFormat $7614
>12 String
 >23751 UriString, 24263 SemanticVersionString, 31918 TrimmedString, 12877 NormalizedString, 12878 DecimalString
 >12879 DurationString, 12880 TimeString, 12881 DateString, 295 LocaleId, 291 NumericRange
>13 DateTime
 >294 UtcTime
>15 ByteString
 >16307 AudioDataType, 311 ApplicationInstanceCertificate, 521 ContinuationPoint
 >30 Image *
  >2000 ImageBMP, 2001 ImageGIF, 2002 ImageJPG, 2003 ImagePNG
>17 NodeId
 >388 SessionAuthenticationToken
>22 Structure *
 >12756 Union * +12766, 23903 NumberRange +24250, 96 RolePermissionType +128, 101 StructureField +14844
 >296 Argument +298, 12755 OptionSet * +12765, 8912 TimeZoneDataType +8917, 308 ApplicationDescription +310
 >304 UserTokenPolicy +306, 312 EndpointDescription +314, 344 SignedSoftwareCertificate +346, 456 SignatureData +458
 >376 AddNodesItem +378, 379 AddReferencesItem +381, 382 DeleteNodesItem +384, 385 DeleteReferencesItem +387
 >537 RelativePathElement +539, 540 RelativePath +542, 583 ContentFilterElement +585, 586 ContentFilter +588
 >11216 ModificationInfo +11226, 659 HistoryEvent +661, 948 AggregateConfiguration +950
 >920 HistoryEventFieldList +922, 338 BuildInfo +340, 853 RedundantServerDataType +855
 >11943 EndpointUrlListDataType +11957, 11944 NetworkGroupDataType +11958
 >856 SamplingIntervalDiagnosticsDataType +858, 859 ServerDiagnosticsSummaryDataType +861
 >862 ServerStatusDataType +864, 865 SessionDiagnosticsDataType +867, 868 SessionSecurityDiagnosticsDataType +870
 >871 ServiceCounterDataType +873, 299 StatusResult +301, 874 SubscriptionDiagnosticsDataType +876
 >877 ModelChangeStructureDataType +879, 897 SemanticChangeStructureDataType +899, 884 Range +886
 >887 EUInformation +889, 12171 ComplexNumberType +12181, 12172 DoubleComplexNumberType +12182
 >12079 AxisInformation +12089, 12080 XVType +12090, 891 Annotation +893
 >97 DataTypeDefinition * +121
  >99 StructureDefinition +122, 100 EnumDefinition +123
 >7594 EnumValueType +8251
  >102 EnumField +14845
 >316 UserIdentityToken * +318
  >319 AnonymousIdentityToken +321, 322 UserNameIdentityToken +324, 325 X509IdentityToken +327
  >938 IssuedIdentityToken +940
 >589 FilterOperand * +591
  >592 ElementOperand +594, 595 LiteralOperand +597, 598 AttributeOperand +600, 601 SimpleAttributeOperand +603
 >656 HistoryData +658
  >11217 HistoryModifiedData +11227
 >719 MonitoringFilter +721
  >722 DataChangeFilter +724, 725 EventFilter +727, 728 AggregateFilter +730
@62
>68 PropertyType
>63 BaseDataVariableType
 >2137 ServerVendorCapabilityType * :BaseDataType
 >2164 SamplingIntervalDiagnosticsArrayType :SamplingIntervalDiagnosticsDataType[]
 >2171 SubscriptionDiagnosticsArrayType :SubscriptionDiagnosticsDataType[]
 >2196 SessionDiagnosticsArrayType :SessionDiagnosticsDataType[]
 >2243 SessionSecurityDiagnosticsArrayType :SessionSecurityDiagnosticsDataType[]
 >2138 ServerStatusType :ServerStatusDataType
  v2139 StartTime :UtcTime !M, 2140 CurrentTime :UtcTime !M, 2141 State :ServerState !M
  v2752 SecondsTillShutdown :UInt32 !M, 2753 ShutdownReason :LocalizedText !M
  v2142 BuildInfo :BuildInfo =BuildInfoType !M
   v3698 ProductUri :String !M, 3699 ManufacturerName :String !M, 3700 ProductName :String !M
   v3701 SoftwareVersion :String !M, 3702 BuildNumber :String !M, 3703 BuildDate :UtcTime !M
 >3051 BuildInfoType :BuildInfo
  v3052 ProductUri :String !M, 3053 ManufacturerName :String !M, 3054 ProductName :String !M
  v3055 SoftwareVersion :String !M, 3056 BuildNumber :String !M, 3057 BuildDate :UtcTime !M
 >2150 ServerDiagnosticsSummaryType :ServerDiagnosticsSummaryDataType
  v2151 ServerViewCount :UInt32 !M, 2152 CurrentSessionCount :UInt32 !M, 2153 CumulatedSessionCount :UInt32 !M
  v2154 SecurityRejectedSessionCount :UInt32 !M, 2155 RejectedSessionCount :UInt32 !M
  v2156 SessionTimeoutCount :UInt32 !M, 2157 SessionAbortCount :UInt32 !M, 2159 PublishingIntervalCount :UInt32 !M
  v2160 CurrentSubscriptionCount :UInt32 !M, 2161 CumulatedSubscriptionCount :UInt32 !M
  v2162 SecurityRejectedRequestsCount :UInt32 !M, 2163 RejectedRequestsCount :UInt32 !M
 >2165 SamplingIntervalDiagnosticsType :SamplingIntervalDiagnosticsDataType
  v2166 SamplingInterval :Duration !M, 11697 SampledMonitoredItemsCount :UInt32 !M
  v11698 MaxSampledMonitoredItemsCount :UInt32 !M, 11699 DisabledMonitoredItemsSamplingCount :UInt32 !M
 >2172 SubscriptionDiagnosticsType :SubscriptionDiagnosticsDataType
  v2173 SessionId :NodeId !M, 2174 SubscriptionId :UInt32 !M, 2175 Priority :Byte !M
  v2176 PublishingInterval :Duration !M, 2177 MaxKeepAliveCount :UInt32 !M, 8888 MaxLifetimeCount :UInt32 !M
  v2179 MaxNotificationsPerPublish :UInt32 !M, 2180 PublishingEnabled :Boolean !M, 2181 ModifyCount :UInt32 !M
  v2182 EnableCount :UInt32 !M, 2183 DisableCount :UInt32 !M, 2184 RepublishRequestCount :UInt32 !M
  v2185 RepublishMessageRequestCount :UInt32 !M, 2186 RepublishMessageCount :UInt32 !M
  v2187 TransferRequestCount :UInt32 !M, 2188 TransferredToAltClientCount :UInt32 !M
  v2189 TransferredToSameClientCount :UInt32 !M, 2190 PublishRequestCount :UInt32 !M
  v2191 DataChangeNotificationsCount :UInt32 !M, 2998 EventNotificationsCount :UInt32 !M
  v2193 NotificationsCount :UInt32 !M, 8889 LatePublishRequestCount :UInt32 !M, 8890 CurrentKeepAliveCount :UInt32 !M
  v8891 CurrentLifetimeCount :UInt32 !M, 8892 UnacknowledgedMessageCount :UInt32 !M
  v8893 DiscardedMessageCount :UInt32 !M, 8894 MonitoredItemCount :UInt32 !M
  v8895 DisabledMonitoredItemCount :UInt32 !M, 8896 MonitoringQueueOverflowCount :UInt32 !M
  v8897 NextSequenceNumber :UInt32 !M, 8902 EventQueueOverflowCount :UInt32 !M
 >2197 SessionDiagnosticsVariableType :SessionDiagnosticsDataType
  v2198 SessionId :NodeId !M, 2199 SessionName :String !M, 2200 ClientDescription :ApplicationDescription !M
  v2201 ServerUri :String !M, 2202 EndpointUrl :String !M, 2203 LocaleIds :LocaleId[] !M
  v2204 ActualSessionTimeout :Duration !M, 3050 MaxResponseMessageSize :UInt32 !M
  v2205 ClientConnectionTime :UtcTime !M, 2206 ClientLastContactTime :UtcTime !M
  v2207 CurrentSubscriptionsCount :UInt32 !M, 2208 CurrentMonitoredItemsCount :UInt32 !M
  v2209 CurrentPublishRequestsInQueue :UInt32 !M, 8900 TotalRequestCount :ServiceCounterDataType !M
  v11892 UnauthorizedRequestCount :UInt32 !M, 2217 ReadCount :ServiceCounterDataType !M
  v2218 HistoryReadCount :ServiceCounterDataType !M, 2219 WriteCount :ServiceCounterDataType !M
  v2220 HistoryUpdateCount :ServiceCounterDataType !M, 2221 CallCount :ServiceCounterDataType !M
  v2222 CreateMonitoredItemsCount :ServiceCounterDataType !M
  v2223 ModifyMonitoredItemsCount :ServiceCounterDataType !M, 2224 SetMonitoringModeCount :ServiceCounterDataType !M
  v2225 SetTriggeringCount :ServiceCounterDataType !M, 2226 DeleteMonitoredItemsCount :ServiceCounterDataType !M
  v2227 CreateSubscriptionCount :ServiceCounterDataType !M, 2228 ModifySubscriptionCount :ServiceCounterDataType !M
  v2229 SetPublishingModeCount :ServiceCounterDataType !M, 2230 PublishCount :ServiceCounterDataType !M
  v2231 RepublishCount :ServiceCounterDataType !M, 2232 TransferSubscriptionsCount :ServiceCounterDataType !M
  v2233 DeleteSubscriptionsCount :ServiceCounterDataType !M, 2234 AddNodesCount :ServiceCounterDataType !M
  v2235 AddReferencesCount :ServiceCounterDataType !M, 2236 DeleteNodesCount :ServiceCounterDataType !M
  v2237 DeleteReferencesCount :ServiceCounterDataType !M, 2238 BrowseCount :ServiceCounterDataType !M
  v2239 BrowseNextCount :ServiceCounterDataType !M, 2240 TranslateBrowsePathsToNodeIdsCount :ServiceCounterDataType !M
  v2241 QueryFirstCount :ServiceCounterDataType !M, 2242 QueryNextCount :ServiceCounterDataType !M
  v2730 RegisterNodesCount :ServiceCounterDataType !M, 2731 UnregisterNodesCount :ServiceCounterDataType !M
 >2244 SessionSecurityDiagnosticsType :SessionSecurityDiagnosticsDataType
  v2245 SessionId :NodeId !M, 2246 ClientUserIdOfSession :String !M, 2247 ClientUserIdHistory :String[] !M
  v2248 AuthenticationMechanism :String !M, 2249 Encoding :String !M, 2250 TransportProtocol :String !M
  v2251 SecurityMode :MessageSecurityMode !M, 2252 SecurityPolicyUri :String !M, 3058 ClientCertificate :ByteString !M
 >11487 OptionSetType :BaseDataType
  p11488 OptionSetValues :LocalizedText[] !M, 11701 BitMask :Boolean[] !O
 >17986 AudioVariableType :AudioDataType
  p17988 ListId :String !O, 17989 AgencyId :String !O, 17990 VersionId :String !O
 >2755 StateVariableType :LocalizedText
  p2756 Id :BaseDataType !M, 2757 Name :QualifiedName !O, 2758 Number :UInt32 !O
  p2759 EffectiveDisplayName :LocalizedText !O
  >2760 FiniteStateVariableType :LocalizedText
   p2761 Id :NodeId !M
  >8995 TwoStateVariableType :LocalizedText
   p8996 Id :Boolean !M, 9000 TransitionTime :UtcTime !O, 9001 EffectiveTransitionTime :UtcTime !O
   p11110 TrueState :LocalizedText !O, 11111 FalseState :LocalizedText !O
 >2762 TransitionVariableType :LocalizedText
  p2763 Id :BaseDataType !M, 2764 Name :QualifiedName !O, 2765 Number :UInt32 !O, 2766 TransitionTime :UtcTime !O
  p11456 EffectiveTransitionTime :UtcTime !O
  >2767 FiniteTransitionVariableType :LocalizedText
   p2768 Id :NodeId !M
 >2365 DataItemType
  p2366 Definition :String !O, 2367 ValuePrecision :Double !O
  >15318 BaseAnalogType :Number?
   p17567 InstrumentRange :Range !O, 23904 InstrumentNumberRange :NumberRange !O, 17568 EURange :Range !O
   p23905 EUNumberRange :NumberRange !O, 17569 EngineeringUnits :EUInformation !O
   >2368 AnalogItemType :Number?
    p2369 EURange :Range !M
    >17570 AnalogUnitRangeType :Number?
     p17575 EngineeringUnits :EUInformation !M
   >17497 AnalogUnitType :Number?
    p17502 EngineeringUnits :EUInformation !M
  >2372 DiscreteItemType *
   >2373 TwoStateDiscreteType :Boolean?
    p2374 FalseState :LocalizedText !M, 2375 TrueState :LocalizedText !M
   >2376 MultiStateDiscreteType :UInteger?
    p2377 EnumStrings :LocalizedText[] !M
   >11238 MultiStateValueDiscreteType :Number?
    p11241 EnumValues :EnumValueType[] !M, 11461 ValueAsText :LocalizedText !M
  >12021 ArrayItemType * :BaseDataType[+]
   p12024 InstrumentRange :Range !O, 12025 EURange :Range !M, 12026 EngineeringUnits :EUInformation !M
   p12027 Title :LocalizedText !M, 12028 AxisScaleType :AxisScaleEnumeration !M
   >12029 YArrayItemType :BaseDataType[]
    p12037 XAxisDefinition :AxisInformation !M
 >9002 ConditionVariableType
  p9003 SourceTimestamp :UtcTime !M
 >32244 AlarmStateVariableType :AlarmMask
  p32245 HighestActiveSeverity :UInt16 !M, 32246 HighestUnackSeverity :UInt16 !M, 32247 ActiveCount :UInt32 !M
  p32248 UnacknowledgedCount :UInt32 !M, 32249 UnconfirmedCount :UInt32 !M, 32250 Filter :ContentFilter !M
"""
