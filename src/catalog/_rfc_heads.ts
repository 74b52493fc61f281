/** Heads of RFCs as they are published, cut after the first words of the body. */
export const RFCS: [name: string, title: string, head: string][] = [
  [
    "rfc1.txt",
    "Host Software",
    `





Network Working Group                                      Steve Crocker
Request for Comments: 1                                             UCLA
                                                            7 April 1969


                         Title:   Host Software
                        Author:   Steve Crocker
                  Installation:   UCLA
                          Date:   7 April 1969
             Network Working Group Request for Comment:   1


CONTENTS

   INTRODUCTION
`,
  ],
  [
    "rfc768.txt",
    "User Datagram Protocol",
    `



RFC 768                                                        J. Postel
                                                                     ISI
                                                          28 August 1980



                         User Datagram Protocol
                         ----------------------

Introduction
------------

This User Datagram  Protocol  (UDP)  is  defined  to  make  available  a
`,
  ],
  [
    "rfc791.txt",
    "INTERNET PROTOCOL",
    `



RFC:  791








                           INTERNET PROTOCOL


                         DARPA INTERNET PROGRAM

                         PROTOCOL SPECIFICATION



                             September 1981













                              prepared for

               Defense Advanced Research Projects Agency
`,
  ],
  [
    "rfc793.txt",
    "TRANSMISSION CONTROL PROTOCOL",
    `


RFC: 793
                                    
                                    
                                    
                                    
                     TRANSMISSION CONTROL PROTOCOL
                                    
                                    
                         DARPA INTERNET PROGRAM
                                    
                         PROTOCOL SPECIFICATION
`,
  ],
  [
    "rfc822.txt",
    "STANDARD FOR THE FORMAT OF ARPA INTERNET TEXT MESSAGES",
    `





     RFC #  822

     Obsoletes:  RFC #733  (NWG #41424)












                        STANDARD FOR THE FORMAT OF

                        ARPA INTERNET TEXT MESSAGES






                              August 13, 1982
`,
  ],
  [
    "rfc826.txt",
    "An Ethernet Address Resolution Protocol -- or -- Converting Network Protocol Addresses to 48.bit Ethernet " +
    "Address for Transmission on Ethernet Hardware",
    `Network Working Group                                   David C. Plummer 
Request For Comments:  826                                  (DCP@MIT-MC)
                                                           November 1982


             An Ethernet Address Resolution Protocol
                            -- or --
              Converting Network Protocol Addresses
                   to 48.bit Ethernet Address
                       for Transmission on
                        Ethernet Hardware





                            Abstract
`,
  ],
  [
    "rfc959.txt",
    "FILE TRANSFER PROTOCOL (FTP)",
    `                                                                        
Network Working Group                                          J. Postel
Request for Comments: 959                                    J. Reynolds
                                                                     ISI
Obsoletes RFC: 765 (IEN 149)                                October 1985

                      FILE TRANSFER PROTOCOL (FTP)


Status of this Memo

   This memo is the official specification of the File Transfer
`,
  ],
  [
    "rfc1034.txt",
    "DOMAIN NAMES - CONCEPTS AND FACILITIES",
    `Network Working Group                                     P. Mockapetris
Request for Comments: 1034                                           ISI
Obsoletes: RFCs 882, 883, 973                              November 1987


                 DOMAIN NAMES - CONCEPTS AND FACILITIES



1. STATUS OF THIS MEMO
`,
  ],
  [
    "rfc2616.txt",
    "Hypertext Transfer Protocol -- HTTP/1.1",
    `





Network Working Group                                      R. Fielding
Request for Comments: 2616                                   UC Irvine
Obsoletes: 2068                                              J. Gettys
Category: Standards Track                                   Compaq/W3C
                                                              J. Mogul
                                                                Compaq
                                                            H. Frystyk
                                                               W3C/MIT
                                                           L. Masinter
                                                                 Xerox
                                                              P. Leach
                                                             Microsoft
                                                        T. Berners-Lee
                                                               W3C/MIT
                                                             June 1999


                Hypertext Transfer Protocol -- HTTP/1.1

Status of this Memo

   This document specifies an Internet standards track protocol for the
`,
  ],
  [
    "rfc8446.txt",
    "The Transport Layer Security (TLS) Protocol Version 1.3",
    `





Internet Engineering Task Force (IETF)                       E. Rescorla
Request for Comments: 8446                                       Mozilla
Obsoletes: 5077, 5246, 6961                                  August 2018
Updates: 5705, 6066
Category: Standards Track
ISSN: 2070-1721


        The Transport Layer Security (TLS) Protocol Version 1.3

Abstract

   This document specifies version 1.3 of the Transport Layer Security
`,
  ],
  [
    "rfc9110.txt",
    "HTTP Semantics",
    `﻿



Internet Engineering Task Force (IETF)                  R. Fielding, Ed.
Request for Comments: 9110                                         Adobe
STD: 97                                               M. Nottingham, Ed.
Obsoletes: 2818, 7230, 7231, 7232, 7233, 7235,                    Fastly
           7538, 7615, 7694                              J. Reschke, Ed.
Updates: 3864                                                 greenbytes
Category: Standards Track                                      June 2022
ISSN: 2070-1721


                             HTTP Semantics

Abstract

   The Hypertext Transfer Protocol (HTTP) is a stateless application-
`,
  ],
  [
    "draft-ietf-quic-transport-34.txt",
    "QUIC: A UDP-Based Multiplexed and Secure Transport",
    `



QUIC                                                     J. Iyengar, Ed.
Internet-Draft                                                    Fastly
Intended status: Standards Track                         M. Thomson, Ed.
Expires: 19 July 2021                                            Mozilla
                                                         15 January 2021


           QUIC: A UDP-Based Multiplexed and Secure Transport
                      draft-ietf-quic-transport-34

Abstract

   This document defines the core of the QUIC transport protocol.
`,
  ],
];
