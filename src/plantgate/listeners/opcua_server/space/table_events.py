"""Standard nodes: the types of events, conditions and alarms.

How they are written: `standard.py`.
"""

from __future__ import annotations

EVENTS = """
@2041
p2042 EventId :ByteString !M, 2043 EventType :NodeId !M, 2044 SourceNode :NodeId !M, 2045 SourceName :String !M
p2046 Time :UtcTime !M, 2047 ReceiveTime :UtcTime !M, 3190 LocalTime :TimeZoneDataType !O
p2050 Message :LocalizedText !M, 2051 Severity :UInt16 !M, 31771 ConditionClassId :NodeId !O
p31772 ConditionClassName :LocalizedText !O, 31773 ConditionSubClassId :NodeId[] !O
p31774 ConditionSubClassName :LocalizedText[] !O
>3035 EventQueueOverflowEventType *
>2052 AuditEventType *
 p2053 ActionTimeStamp :UtcTime !M, 2054 Status :Boolean !M, 2055 ServerId :String !M
 p2056 ClientAuditEntryId :String !M, 2057 ClientUserId :String !M, 19811 ClientApplicationUri :String !O
 >2058 AuditSecurityEventType *
  p17615 StatusCodeId :StatusCode !O
  >2059 AuditChannelEventType *
   p2745 SecureChannelId :String !M
   >2060 AuditOpenSecureChannelEventType *
    p2061 ClientCertificate :ByteString !M, 2746 ClientCertificateThumbprint :String !M
    p2062 RequestType :SecurityTokenRequestType !M, 2063 SecurityPolicyUri :String !M
    p2065 SecurityMode :MessageSecurityMode !M, 2066 RequestedLifetime :Duration !M
    p24135 CertificateErrorEventId :ByteString !O
  >2069 AuditSessionEventType *
   p2070 SessionId :NodeId !M
   >2071 AuditCreateSessionEventType *
    p2072 SecureChannelId :String !M, 2073 ClientCertificate :ByteString !M
    p2747 ClientCertificateThumbprint :String !M, 2074 RevisedSessionTimeout :Duration !M
    >2748 AuditUrlMismatchEventType *
     p2749 EndpointUrl :String !M
   >2075 AuditActivateSessionEventType *
    p2076 ClientSoftwareCertificates :SignedSoftwareCertificate[] !M, 2077 UserIdentityToken :UserIdentityToken !M
    p11485 SecureChannelId :String !M, 19304 CurrentRoleIds :NodeId[] !O
   >2078 AuditCancelEventType *
    p2079 RequestHandle :UInt32 !M
  >2080 AuditCertificateEventType *
   p2081 Certificate :ByteString !M
   >2085 AuditCertificateExpiredEventType *, 2086 AuditCertificateInvalidEventType *
   >2087 AuditCertificateUntrustedEventType *, 2088 AuditCertificateRevokedEventType *
   >2089 AuditCertificateMismatchEventType *
   >2082 AuditCertificateDataMismatchEventType *
    p2083 InvalidHostname :String !M, 2084 InvalidUri :String !M
 >2090 AuditNodeManagementEventType *
  >2091 AuditAddNodesEventType *
   p2092 NodesToAdd :AddNodesItem[] !M
  >2093 AuditDeleteNodesEventType *
   p2094 NodesToDelete :DeleteNodesItem[] !M
  >2095 AuditAddReferencesEventType *
   p2096 ReferencesToAdd :AddReferencesItem[] !M
  >2097 AuditDeleteReferencesEventType *
   p2098 ReferencesToDelete :DeleteReferencesItem[] !M
 >2099 AuditUpdateEventType *
  >2100 AuditWriteUpdateEventType *
   p2750 AttributeId :UInt32 !M, 2101 IndexRange :NumericRange !M, 2102 OldValue :BaseDataType !M
   p2103 NewValue :BaseDataType !M
 >2127 AuditUpdateMethodEventType *
  p2128 MethodId :NodeId !M, 19305 StatusCodeId :StatusCode !O, 2129 InputArguments :BaseDataType[] !M
  p19306 OutputArguments :String[] !O
  >2790 AuditConditionEventType
   >2803 AuditConditionEnableEventType, 17225 AuditConditionSuppressionEventType, 17242 AuditConditionSilenceEventType
   >15013 AuditConditionResetEventType, 17259 AuditConditionOutOfServiceEventType
   >2829 AuditConditionCommentEventType
    p17222 ConditionEventId :ByteString !M, 11851 Comment :LocalizedText !M
   >8927 AuditConditionRespondEventType
    p11852 SelectedResponse :UInt32 !M
   >8944 AuditConditionAcknowledgeEventType
    p17223 ConditionEventId :ByteString !M, 11853 Comment :LocalizedText !M
   >8961 AuditConditionConfirmEventType
    p17224 ConditionEventId :ByteString !M, 11854 Comment :LocalizedText !M
   >11093 AuditConditionShelvingEventType
    p11855 ShelvingTime :Duration !O
>2130 SystemEventType *
 >2131 DeviceFailureEventType *, 2787 RefreshStartEventType *, 2788 RefreshEndEventType *
 >2789 RefreshRequiredEventType *
 >11446 SystemStatusChangeEventType *
  p11696 SystemState :ServerState !M
>2132 BaseModelChangeEventType *
 >2133 GeneralModelChangeEventType *
  p2134 Changes :ModelChangeStructureDataType[] !M
>2738 SemanticChangeEventType *
 p2739 Changes :SemanticChangeStructureDataType[] !M
>11436 ProgressEventType *
 p12502 Context :BaseDataType !M, 12503 Progress :UInt16 !M
>2311 TransitionEventType *
 v2774 Transition :LocalizedText =TransitionVariableType !M
  p3754 Id :BaseDataType !M
 v2775 FromState :LocalizedText =StateVariableType !M
  p3746 Id :BaseDataType !M
 v2776 ToState :LocalizedText =StateVariableType !M
  p3750 Id :BaseDataType !M
>2782 ConditionType *
 p11112 ConditionClassId :NodeId !M, 11113 ConditionClassName :LocalizedText !M
 p16363 ConditionSubClassId :NodeId[] !O, 16364 ConditionSubClassName :LocalizedText[] !O
 p9009 ConditionName :String !M, 9010 BranchId :NodeId !M, 3874 Retain :Boolean !M
 p32060 SupportsFilteredRetain :Boolean, 9026 ClientUserId :String !M
 m9028 Disable !M, 9027 Enable !M
 v9011 EnabledState :LocalizedText =TwoStateVariableType !M
  p9012 Id :Boolean !M, 9015 EffectiveDisplayName :LocalizedText !O, 9016 TransitionTime :UtcTime !O
  p9017 EffectiveTransitionTime :UtcTime !O, 9018 TrueState :LocalizedText, 9019 FalseState :LocalizedText
 v9020 Quality :StatusCode =ConditionVariableType !M
  p9021 SourceTimestamp :UtcTime !M
 v9022 LastSeverity :UInt16 =ConditionVariableType !M
  p9023 SourceTimestamp :UtcTime !M
 v9024 Comment :LocalizedText =ConditionVariableType !M
  p9025 SourceTimestamp :UtcTime !M
 m9029 AddComment !M
  p9030 InputArguments :Argument[] !M
 m3875 ConditionRefresh
  p3876 InputArguments :Argument[] !M
 m12912 ConditionRefresh2
  p12913 InputArguments :Argument[] !M
 >2830 DialogConditionType
  p2831 Prompt :LocalizedText !M, 9064 ResponseOptionSet :LocalizedText[] !M, 9065 DefaultResponse :Int32 !M
  p9066 OkResponse :Int32 !M, 9067 CancelResponse :Int32 !M, 9068 LastResponse :Int32 !M
  v9035 EnabledState :LocalizedText =TwoStateVariableType !M
   p9036 Id :Boolean !M
  v9055 DialogState :LocalizedText =TwoStateVariableType !M
   p9056 Id :Boolean !M, 9060 TransitionTime :UtcTime !O, 9062 TrueState :LocalizedText
   p9063 FalseState :LocalizedText
  m9069 Respond !M
   p9070 InputArguments :Argument[] !M
  m24312 Respond2 !O
   p24313 InputArguments :Argument[] !M
 >2881 AcknowledgeableConditionType
  v9073 EnabledState :LocalizedText =TwoStateVariableType !M
   p9074 Id :Boolean !M
  v9093 AckedState :LocalizedText =TwoStateVariableType !M
   p9094 Id :Boolean !M, 9098 TransitionTime :UtcTime !O, 9100 TrueState :LocalizedText
   p9101 FalseState :LocalizedText
  v9102 ConfirmedState :LocalizedText =TwoStateVariableType !O
   p9103 Id :Boolean !M, 9107 TransitionTime :UtcTime !O, 9109 TrueState :LocalizedText
   p9110 FalseState :LocalizedText
  m9111 Acknowledge !M
   p9112 InputArguments :Argument[] !M
  m9113 Confirm !O
   p9114 InputArguments :Argument[] !M
  >2915 AlarmConditionType
   p11120 InputNode :NodeId !M, 9215 SuppressedOrShelved :Boolean !M, 9216 MaxTimeShelved :Duration !O
   p16389 AudibleEnabled :Boolean !O, 16395 OnDelay :Duration !O, 16396 OffDelay :Duration !O
   p16400 ReAlarmTime :Duration !O
   v16390 AudibleSound :AudioDataType =AudioVariableType !O, 16397 FirstInGroupFlag :Boolean !O
   v16401 ReAlarmRepeatCount :Int16 !O
   o16398 FirstInGroup =AlarmGroupType !O
   m16402 Silence !O, 16403 Suppress !O, 17868 Unsuppress !O, 17869 RemoveFromService !O, 17870 PlaceInService !O
   m18199 Reset !O
   v9118 EnabledState :LocalizedText =TwoStateVariableType !M
    p9119 Id :Boolean !M
   v9160 ActiveState :LocalizedText =TwoStateVariableType !M
    p9161 Id :Boolean !M, 9164 EffectiveDisplayName :LocalizedText !O, 9165 TransitionTime :UtcTime !O
    p9166 EffectiveTransitionTime :UtcTime !O, 9167 TrueState :LocalizedText, 9168 FalseState :LocalizedText
   v9169 SuppressedState :LocalizedText =TwoStateVariableType !O
    p9170 Id :Boolean !M, 9174 TransitionTime :UtcTime !O, 9176 TrueState :LocalizedText
    p9177 FalseState :LocalizedText
   v16371 OutOfServiceState :LocalizedText =TwoStateVariableType !O
    p16372 Id :Boolean !M, 16376 TransitionTime :UtcTime !O, 16378 TrueState :LocalizedText
    p16379 FalseState :LocalizedText
   v16380 SilenceState :LocalizedText =TwoStateVariableType !O
    p16381 Id :Boolean !M, 16385 TransitionTime :UtcTime !O, 16387 TrueState :LocalizedText
    p16388 FalseState :LocalizedText
   v18190 LatchedState :LocalizedText =TwoStateVariableType !O
    p18191 Id :Boolean !M, 18195 TransitionTime :UtcTime !O, 18197 TrueState :LocalizedText
    p18198 FalseState :LocalizedText
   o9178 ShelvingState =ShelvedStateMachineType !O
    p9189 UnshelveTime :Duration !M
    m9211 Unshelve !M, 9212 OneShotShelve !M
    v9179 CurrentState :LocalizedText =FiniteStateVariableType !M
     p9180 Id :NodeId !M
    v9184 LastTransition :LocalizedText =FiniteTransitionVariableType !O
     p9185 Id :NodeId !M, 9188 TransitionTime :UtcTime !O
    m9213 TimedShelve !M
     p9214 InputArguments :Argument[] !M
   m24316 Suppress2 !O
    p24317 InputArguments :Argument[] !M
   m24318 Unsuppress2 !O
    p24319 InputArguments :Argument[] !M
   m24320 RemoveFromService2 !O
    p24321 InputArguments :Argument[] !M
   m24322 PlaceInService2 !O
    p24323 InputArguments :Argument[] !M
   m24324 Reset2 !O
    p24325 InputArguments :Argument[] !M
   m24744 GetGroupMemberships !O
    p25154 OutputArguments :Argument[] !M
   >2955 LimitAlarmType
    p11124 HighHighLimit :Double !O, 11125 HighLimit :Double !O, 11126 LowLimit :Double !O
    p11127 LowLowLimit :Double !O, 16572 BaseHighHighLimit :Double !O, 16573 BaseHighLimit :Double !O
    p16574 BaseLowLimit :Double !O, 16575 BaseLowLowLimit :Double !O, 24770 SeverityHighHigh :UInt16 !O
    p24771 SeverityHigh :UInt16 !O, 24772 SeverityLow :UInt16 !O, 24773 SeverityLowLow :UInt16 !O
    p24774 HighHighDeadband :Double !O, 24775 HighDeadband :Double !O, 24776 LowDeadband :Double !O
    p24777 LowLowDeadband :Double !O
    >9341 ExclusiveLimitAlarmType
     >9482 ExclusiveLevelAlarmType
     v9398 ActiveState :LocalizedText =TwoStateVariableType !M
      p9399 Id :Boolean !M
     o9455 LimitState =ExclusiveLimitStateMachineType !M
      v9456 CurrentState :LocalizedText =FiniteStateVariableType !M
       p9457 Id :NodeId !M
      v9461 LastTransition :LocalizedText =FiniteTransitionVariableType !O
       p9462 Id :NodeId !M, 9465 TransitionTime :UtcTime !O
     >9764 ExclusiveDeviationAlarmType
      p9905 SetpointNode :NodeId !M, 16817 BaseSetpointNode :NodeId !O
     >9623 ExclusiveRateOfChangeAlarmType
      p16899 EngineeringUnits :EUInformation !O
    >9906 NonExclusiveLimitAlarmType
     >10060 NonExclusiveLevelAlarmType
     v9963 ActiveState :LocalizedText =TwoStateVariableType !M
      p9964 Id :Boolean !M
     v10020 HighHighState :LocalizedText =TwoStateVariableType !O
      p10021 Id :Boolean !M, 10025 TransitionTime :UtcTime !O, 10027 TrueState :LocalizedText
      p10028 FalseState :LocalizedText
     v10029 HighState :LocalizedText =TwoStateVariableType !O
      p10030 Id :Boolean !M, 10034 TransitionTime :UtcTime !O, 10036 TrueState :LocalizedText
      p10037 FalseState :LocalizedText
     v10038 LowState :LocalizedText =TwoStateVariableType !O
      p10039 Id :Boolean !M, 10043 TransitionTime :UtcTime !O, 10045 TrueState :LocalizedText
      p10046 FalseState :LocalizedText
     v10047 LowLowState :LocalizedText =TwoStateVariableType !O
      p10048 Id :Boolean !M, 10052 TransitionTime :UtcTime !O, 10054 TrueState :LocalizedText
      p10055 FalseState :LocalizedText
     >10368 NonExclusiveDeviationAlarmType
      p10522 SetpointNode :NodeId !M, 16776 BaseSetpointNode :NodeId !O
     >10214 NonExclusiveRateOfChangeAlarmType
      p16858 EngineeringUnits :EUInformation !O
   >10523 DiscreteAlarmType
    >10637 OffNormalAlarmType
     p11158 NormalState :NodeId !M
     >10751 TripAlarmType
     >11753 SystemOffNormalAlarmType
      >13225 CertificateExpirationAlarmType
       p13325 ExpirationDate :DateTime !M, 14900 ExpirationLimit :Duration !O, 13326 CertificateType :NodeId !M
       p13327 Certificate :ByteString !M
   >17080 DiscrepancyAlarmType
    p17215 TargetValueNode :NodeId !M, 17216 ExpectedTime :Duration !M, 17217 Tolerance :Double !O
"""

CROSS = """
FromState 2935>2930 2936>2930 2940>2932 2942>2932 2943>2933 2945>2933 9337>9335 9338>9333 9339>9329 9340>9331
ToState 2935>2932 2936>2933 2940>2930 2942>2933 2943>2930 2945>2932 9337>9333 9338>9335 9339>9331 9340>9329
HasEffect 2935>2915 2936>2915 2940>2915 2942>2915 2943>2915 2945>2915 9337>2915 9338>2915 9339>2915 9340>2915
HasCause 2935>2949 2935>24756 2936>2948 2936>24760 2940>2947 2940>24758 2942>2948 2942>24760 2943>2947 2943>24758
 2945>2949 2945>24756
AlwaysGeneratesEvent 2947>11093 2948>11093 2949>11093 3875>2787 3875>2788 9027>2803 9028>2803 9029>2829 9069>8927
 9111>8944 9113>8961 9211>11093 9212>11093 9213>11093 12912>2787 12912>2788 16402>17242 16403>17225 17868>17225
 17869>17259 17870>17259 18199>15013 24312>8927 24316>17225 24318>17225 24320>17259 24322>17259 24324>15013
 24756>11093 24758>11093 24760>11093
Organizes 3048>2041
HasTrueSubState 9035>9055 9073>9093 9073>9102 9118>9160 9118>9169 9118>9178 9398>9455 9963>10020 9963>10029 9963>10038
 9963>10047
"""
